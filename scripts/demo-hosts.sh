#!/usr/bin/env bash
# Several hosts as one, on one machine: a sandbox with a dockerd and an agent for each, a segment that joins them, and
# a real etcd on the first. Called by demo.sh --hosts N. Everything dies with it.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/setup.sh

hosts=${1:-3}
case "$hosts" in
    [2-9]) ;;
    *) echo "usage: sudo ./demo.sh --hosts N (2 to 9)" >&2; exit 2 ;;
esac

need_root
need_kernel
setup_docker
setup_etcd
./build.sh

if [ -t 1 ]; then bold=$'\e[1m' dim=$'\e[2m' plain=$'\e[0m'; else bold='' dim='' plain=''; fi
step() { printf '\n%s== %s%s\n' "$bold" "$1" "$plain"; }
fail() { printf 'demo.sh: %s\n' "$1" >&2; exit 1; }

etcd_url=http://10.50.0.1:2379
outer=()  # processes whose end is a sandbox's end
inner=()  # the first process of each sandbox

cleanup() {
    set +e
    step "Cleaning up"
    [ "${#outer[@]}" -eq 0 ] || kill -9 "${outer[@]}" 2> /dev/null
    wait 2> /dev/null
    hand_back
}
trap cleanup EXIT
trap 'exit 130' INT TERM

# Runs a command on a host: on 2 docker ps
on() {
    local host=$1
    shift
    scripts/sandbox.sh --enter "${inner[$host]}" "$@"
}
# The same, with the functions of scripts/setup.sh.
shell_on() { on "$1" bash -c "set -euo pipefail; . scripts/setup.sh; $2"; }
show() {
    local host=$1
    shift
    printf '%shost%s$ %s%s\n' "$dim" "$host" "${*/#out\/weir/weir}" "$plain"
    on "$host" "$@"
}
# What a container gets from an address.
fetch() {
    local answer
    if answer=$(on "$1" docker exec "$2" timeout "${4:-3}" wget -qO- "http://$3/" 2> /dev/null); then
        printf '  host%s: %s → %s   %s\n' "$1" "$2" "$3" "$answer"
    else
        printf '  host%s: %s → %s   no answer\n' "$1" "$2" "$3"
        return 1
    fi
}
must() { fetch "$@" || fail "$2 should reach $3"; }
must_not() { ! fetch "$1" "$2" "$3" 1 || fail "$2 should not reach $3"; }
# Tries a command for up to ten seconds.
eventually() {
    for _ in $(seq 50); do
        if "$@" > /dev/null 2>&1; then return; fi
        sleep 0.2
    done
    fail "in vain: $*"
}

step "$hosts hosts, each with a dockerd of its own, on one segment"
for i in $(seq "$hosts"); do
    scripts/sandbox.sh bash -c 'while :; do sleep 3600 & wait $!; done' &
    outer[i]=$!
done
for i in $(seq "$hosts"); do
    for _ in $(seq 100); do
        inner[i]=$(tr -d ' ' < "/proc/${outer[i]}/task/${outer[i]}/children" 2> /dev/null || true)
        [ -z "${inner[i]}" ] || ! on "$i" mountpoint -q /sys/fs/bpf 2> /dev/null || break
        sleep 0.1
    done
    [ -n "${inner[i]}" ] || fail "sandbox $i did not start"
done
shell_on 1 'ip netns add segment; ip -n segment link add segment type bridge; ip -n segment link set segment up'
segment=/proc/${inner[1]}/root/run/netns/segment
for i in $(seq "$hosts"); do
    nsenter --net="/proc/${inner[i]}/ns/net" ip link add node0 type veth peer name "port$i" netns "$segment"
    nsenter --net="$segment" ip link set "port$i" master segment up
    shell_on "$i" "ip address add 10.50.0.$i/24 dev node0; ip link set node0 up; mkdir -p /run/machine; export TMPDIR=/run/machine; start_dockerd > /dev/null; export TMPDIR=/run; make_image weir-demo" &
done
wait $(jobs -p | grep -vxF "$(printf '%s\n' "${outer[@]}")")

step "etcd on the first, and an agent on each"
on 1 setsid etcd --data-dir /run/etcd --listen-client-urls $etcd_url --advertise-client-urls $etcd_url > /dev/null 2>&1 &
eventually on 1 etcdctl --endpoints $etcd_url endpoint health
for i in $(seq "$hosts"); do
    on "$i" setsid out/weir agent --cluster-endpoints $etcd_url --node-name "host$i" --node-address "10.50.0.$i" > /dev/null 2>&1 &
done
for i in $(seq "$hosts"); do
    eventually on "$i" bash -c "[ \$(out/weir node list | grep -c '^host') -eq $hosts ]"
done
show "$hosts" out/weir node list

step "A network of all hosts, made once"
show 1 out/weir network create app --subnet 10.40.0.0/16
for i in $(seq "$hosts"); do
    eventually on "$i" docker network inspect app
done
show "$hosts" docker network ls --filter driver=weir
show 1 out/weir network list

step "Containers on different hosts"
show 1 docker run -d --name api --network app -l role=api weir-demo sh -c 'echo hello from api on host1 > /www/index.html; exec httpd -f -p 80 -h /www'
for i in $(seq 2 "$hosts"); do
    show "$i" docker run -d --name "web$i" --network app -l role=web weir-demo sleep 600
done
show "$hosts" docker run -d --name other --network app -l role=other weir-demo sleep 600
api=$(on 1 docker inspect -f '{{.NetworkSettings.Networks.app.IPAddress}}' api)
for i in $(seq 2 "$hosts"); do
    eventually fetch "$i" "web$i" "$api"
    must "$i" "web$i" "$api"
done
must "$hosts" other "$api"

step "One policy, applied on one host: only role=web may reach role=api"
on "$hosts" tee /run/policy.yaml > /dev/null < examples/policy.yaml
show "$hosts" out/weir policy apply -f /run/policy.yaml
for i in $(seq 2 "$hosts"); do
    must "$i" "web$i" "$api"
done
must_not "$hosts" other "$api"
show 1 timeout 2 out/weir monitor --type drop --last 2 || true
show 1 out/weir policy explain --from other --to api --port 80/tcp || true
show 1 out/weir node list

step "etcd is killed, and an agent too: what was in force stays so"
on 1 pkill -KILL -x etcd
on "$hosts" pkill -KILL -f 'weir agent'
must 2 web2 "$api"
must_not "$hosts" other "$api"
on "$hosts" setsid out/weir agent --cluster-endpoints $etcd_url --node-name "host$hosts" --node-address "10.50.0.$hosts" > /dev/null 2>&1 &
eventually on "$hosts" out/weir status
must "$hosts" "web$hosts" "$api"
must_not "$hosts" other "$api"
show "$hosts" out/weir status | grep Cluster

step "Done: one identity, one policy, one network"
