#!/usr/bin/env bash
# Several hosts as one, on one machine: a sandbox with a dockerd and an agent for each, a segment that joins them, and
# a real etcd on the first. Called by demo.sh --hosts N. Everything dies with it.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/setup.sh
. scripts/hosts.sh

count=${1:-3}
case "$count" in
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

work=$(mktemp -d)
cleanup() {
    set +e
    step "Cleaning up"
    end_hosts
    rm -rf "$work"
    hand_back
}
trap cleanup EXIT
trap 'exit 130' INT TERM

# Runs a command on a host, and shows it.
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

step "$count hosts, each with a dockerd of its own, on one segment"
make_hosts "$count"
join_hosts
start_machines weir-demo

step "etcd on the first, and an agent on each"
start_etcd
start_agents
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
api=$(address_on 1 api)
for i in $(seq 2 "$hosts"); do
    eventually fetch "$i" "web$i" "$api"
    must "$i" "web$i" "$api"
done
must "$hosts" other "$api"

step "By name, and by a service that is made once"
for i in $(seq 2 "$hosts"); do must "$i" "web$i" api; done
show 1 out/weir service update --name shop --frontend 203.0.113.10:80/tcp --selector role=api --port 80
for i in $(seq 2 "$hosts"); do must "$i" "web$i" 203.0.113.10; done
show "$hosts" out/weir service get shop

step "One policy, applied on one host: only role=web may reach role=api"
on "$hosts" tee /run/policy.yaml > /dev/null < examples/policy.yaml
show "$hosts" out/weir policy apply -f /run/policy.yaml
on "$hosts" timeout 60 out/weir monitor --type drop --all-nodes > "$work/drops" 2> /dev/null &
sleep 0.5
for i in $(seq 2 "$hosts"); do
    must "$i" "web$i" "$api"
done
must_not "$hosts" other "$api"
printf '%shost%s$ weir monitor --type drop --all-nodes%s\n' "$dim" "$hosts" "$plain"
eventually test -s "$work/drops"
head -n 2 "$work/drops"
show 1 out/weir policy explain --from other --to api --port 80/tcp || true
show 1 out/weir node list

step "etcd is killed, and an agent too: what was in force stays so"
kill_on etcd 1
kill_on agent "$hosts"
must 2 web2 "$api"
must_not "$hosts" other "$api"
start_agent_on "$hosts"
eventually on "$hosts" out/weir status
must "$hosts" "web$hosts" "$api"
must_not "$hosts" other "$api"
show "$hosts" out/weir status | grep -e weir -e Cluster

step "Done: one identity, one policy, one network"
