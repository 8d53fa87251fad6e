# shellcheck shell=bash
# Several hosts on one machine: a sandbox with a dockerd and an agent for each. Sourced after scripts/setup.sh by what
# shows or measures them; sets nothing at once but variables.
#   make_hosts N            sandboxes, as yet without a link between them
#   join_hosts              a segment of all: node0 on each, 10.50.0.N
#   start_machines IMAGE    a dockerd on each, and an image of busybox
#   start_etcd              on the first: $etcd_url
#   start_agents [FLAG]...  an agent on each, until all know all; stop_agents kills them
#   on HOST COMMAND...      runs a command on a host
#   eventually COMMAND...   tries it for up to twenty seconds
#   end_hosts               ends all of it

hosts=0
etcd_url=http://10.50.0.1:2379
outer=() # processes whose end is a sandbox's end
inner=() # the first process of each sandbox

fail() {
    printf '%s: %s\n' "$(basename "$0")" "$1" >&2
    exit 1
}

on() {
    local host=$1
    shift
    # Who enters stands in the root otherwise.
    scripts/sandbox.sh --enter "${inner[$host]}" env --chdir="$PWD" "$@"
}

# The same, with the functions of scripts/setup.sh.
shell_on() { on "$1" bash -c "set -euo pipefail; . scripts/setup.sh; $2"; }

eventually() {
    for _ in $(seq 100); do
        if "$@" > /dev/null 2>&1; then return; fi
        sleep 0.2
    done
    local i
    for i in $(seq "$hosts"); do
        on "$i" tail -n 3 /run/agent.log 2> /dev/null | sed "s/^/host$i: /" >&2 || true
    done
    fail "in vain for 20 s: $*"
}

# Runs a function with each host's number, all at once.
on_all() {
    local i started=()
    for i in $(seq "$hosts"); do
        "$@" "$i" &
        started+=($!)
    done
    for i in "${started[@]}"; do
        wait "$i" || fail "$1 failed"
    done
}

make_hosts() {
    local i ready
    hosts=$1
    ready=$(mktemp -d)
    for i in $(seq "$hosts"); do
        # It says itself when it is inside: until then a child of the outer process may still be on the machine.
        scripts/sandbox.sh bash -c 'touch "$1"; while :; do sleep 3600 & wait $!; done' - "$ready/$i" > /dev/null &
        outer[i]=$!
    done
    for i in $(seq "$hosts"); do
        for _ in $(seq 100); do
            [ ! -e "$ready/$i" ] || break
            sleep 0.1
        done
        [ -e "$ready/$i" ] || fail "sandbox $i did not start within 10 s"
        inner[i]=$(tr -d ' ' < "/proc/${outer[i]}/task/${outer[i]}/children")
    done
    rm -r "$ready"
}

join_hosts() {
    local i segment=/proc/${inner[1]}/root/run/netns/segment
    shell_on 1 'ip netns add segment; ip -n segment link add segment type bridge; ip -n segment link set segment up'
    for i in $(seq "$hosts"); do
        nsenter --net="/proc/${inner[i]}/ns/net" ip link add node0 type veth peer name "port$i" netns "$segment"
        nsenter --net="$segment" ip link set "port$i" master segment up
        shell_on "$i" "ip address add 10.50.0.$i/24 dev node0; ip link set node0 up"
    done
}

start_machines() { on_all start_machine "$1"; }
start_machine() { shell_on "$2" "export TMPDIR=/run; start_dockerd > /dev/null; make_image $1"; }

start_etcd() {
    on 1 sh -c 'echo $$ > /run/etcd.pid; exec "$@" > /run/etcd.log 2>&1' - \
        etcd --data-dir /run/etcd --listen-client-urls $etcd_url --advertise-client-urls $etcd_url 2> /dev/null & # by bash, when it is killed
    eventually on 1 etcdctl --endpoints $etcd_url endpoint health
}

start_agents() {
    local i
    for i in $(seq "$hosts"); do start_agent_on "$i" "$@"; done
    for i in $(seq "$hosts"); do eventually all_known_on "$i"; done
}
start_agent_on() {
    local host=$1
    shift
    on "$host" sh -c 'echo $$ > /run/agent.pid; exec out/weir agent "$@" >> /run/agent.log 2>&1' - \
        --cluster-endpoints $etcd_url --node-name "host$host" --node-address "10.50.0.$host" "$@" 2> /dev/null &
}
all_known_on() { [ "$(on "$1" out/weir node list | grep -c '^host')" -eq "$hosts" ]; }
stop_agents() { on_all kill_on agent; }
# kill_on WHAT HOST: what is agent or etcd
kill_on() {
    on "$2" sh -c 'pid=$(cat "/run/$1.pid"); kill -KILL "$pid"; while kill -0 "$pid" 2> /dev/null; do sleep 0.05; done' - "$1"
}

# The IPv4 address of a container.
address_on() { on "$1" docker inspect -f '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' "$2"; }

end_hosts() {
    [ "${#outer[@]}" -eq 0 ] || kill -9 "${outer[@]}" 2> /dev/null || true
    wait 2> /dev/null || true
}
