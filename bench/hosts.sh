#!/usr/bin/env bash
# Container to container on two hosts, which are sandboxes of this machine joined by veths: throughput, requests and
# connections per second over
#   bare       the link itself, from one host's namespace to the other's
#   routed     a namespace on each host behind it, as a container's but with nothing but the kernel's routing
#   direct     a weir network of both, by the hosts' routes
#   overlay    the same network, in Weir's VXLAN
#   docker     Docker's own overlay network (swarm's, attachable)
# All in turn, round after round; medians, and their ratio to the bare link and to Docker's overlay. Beside the rate stands
# the CPU time of both hosts, by the accounting of their control groups: others' load changes it least. Packets are of 1450
# bytes at most by each way, as overlays of a link of 1500 have it. ROUNDS and SECONDS_EACH bound it, WAYS picks.
# XDP_MODE is the agents': off, since a veth with XDP takes each packet by itself, which no other way here has to bear.
set -Eeuo pipefail
trap 'echo "hosts.sh: line $LINENO: $BASH_COMMAND" >&2' ERR
cd "$(dirname "$0")/.."
. scripts/setup.sh
. scripts/hosts.sh
. bench/figures.sh

ROUNDS=${ROUNDS:-5}
XDP_MODE=${XDP_MODE:-off}
SECONDS_EACH=${SECONDS_EACH:-2}
read -ra ways <<< "${WAYS:-bare routed direct overlay docker}"
readonly inner_mtu=1450 outer_mtu=1500 image=weir-bench
# One request at a time needs one processor; whether the two ends have one or two is worth more than any way.
readonly pinned=(taskset -c 0)

need_root
need_kernel
setup_docker
setup_etcd
command -v iperf3 > /dev/null || install_packages iperf3
command -v cc > /dev/null || install_packages gcc libc6-dev
./build.sh

work=$(mktemp -d)
cleanup() {
    set +e
    end_hosts
    rm -rf "$work"
    hand_back
}
trap cleanup EXIT
trap 'exit 130' INT TERM

# A link of its own between the two hosts: link NAME NETWORK MTU
link() {
    nsenter --net="/proc/${inner[1]}/ns/net" ip link add "$1" mtu "$3" type veth peer name "$1" mtu "$3" netns "/proc/${inner[2]}/ns/net"
    local i
    for i in 1 2; do on "$i" sh -c "ip address add $2.$i/24 dev $1; ip link set $1 up"; done
}

# One of the machine's programs in a container's network.
#   inside HOST CONTAINER COMMAND...
inside() {
    local host=$1 pid
    pid=$(on "$host" docker inspect -f '{{.State.Pid}}' "$2")
    shift 2
    on "$host" nsenter -t "$pid" -n "$@"
}

# Where a way begins and ends: ways of one place have the same server and client.
place_of() { case "$1" in docker) echo swarm ;; direct | overlay) echo app ;; *) echo "$1" ;; esac; }
at() { # HOST WAY server|client COMMAND...
    case "$2" in
        bare) on "$1" "${@:4}" ;;
        routed) on "$1" ip netns exec routed "${@:4}" ;;
        *) inside "$1" "$3-$(place_of "$2")" "${@:4}" ;;
    esac
}
at_server() { at 1 "$1" server "${@:2}"; }
at_client() { at 2 "$1" client "${@:2}"; }
server_of() { case "$1" in bare) echo 10.51.0.1 ;; routed) echo 10.53.1.2 ;; *) address_on 1 "server-$(place_of "$1")" ;; esac; }

# A namespace behind each end of the bare link.
make_routed() {
    local i other
    for i in 1 2; do
        other=$((3 - i))
        on "$i" sh -ec "ip netns add routed
            ip link add routed0 mtu $inner_mtu type veth peer name eth0 mtu $inner_mtu netns routed
            ip address add 10.53.$i.1/24 dev routed0; ip link set routed0 up
            ip -n routed address add 10.53.$i.2/24 dev eth0; ip -n routed link set eth0 up
            ip -n routed route add default via 10.53.$i.1
            ip route add 10.53.$other.0/24 via 10.51.0.$other
            echo 1 > /proc/sys/net/ipv4/ip_forward
            iptables -I FORWARD -i routed0 -j ACCEPT; iptables -I FORWARD -o routed0 -j ACCEPT"
    done
}

# Another way for the same two containers is another setting of both agents.
way=
is_way() { on "$1" out/weir node list | grep '^host' | grep -v '(this)' | grep -w "$2" > /dev/null; }
take_way() {
    case "$1" in direct | overlay) ;; *) return 0 ;; esac
    if [ "$1" != "$way" ]; then
        [ -z "$way" ] || stop_agents
        start_agents --devices node0 --xdp-mode "$XDP_MODE" --node-way "$1"
        eventually is_way 1 "$1"
        eventually is_way 2 "$1"
        way=$1
    fi
}

# Microseconds of CPU that both hosts took so far.
cpu_time() {
    local i
    for i in 1 2; do cat "${groups[i]}/cpu.stat"; done | awk '/^usage_usec/ { sum += $2 } END { print sum }'
}

# The rate, and the CPU time for a megabyte, a request, a connection.
measure() { # WAY WHAT
    local to before rate
    to=$(server_of "$1")
    before=$(cpu_time)
    case "$2" in
        throughput) rate=$(at_client "$1" timeout $((SECONDS_EACH + 10)) iperf3 -c "$to" -t "$SECONDS_EACH" -f m | awk '/receiver/ { print $7 }') ;;
        requests) rate=$(at_client "$1" timeout $((SECONDS_EACH + 10)) "${pinned[@]}" "$work/netbench" rr "$to" 7000 "$SECONDS_EACH") ;;
        connections) rate=$(at_client "$1" timeout $((SECONDS_EACH + 10)) "${pinned[@]}" "$work/netbench" crr "$to" 7000 "$SECONDS_EACH") ;;
    esac
    echo "$rate" >> "$work/$1.$2"
    awk "BEGIN { print $(($(cpu_time) - before)) / ($rate * $SECONDS_EACH / $([ "$2" = throughput ] && echo 8 || echo 1)) }" >> "$work/$1.$2.cpu"
}
answers() { at_client "$1" timeout 1 "$work/netbench" rr "$(server_of "$1")" 7000 0.1; }

# How many times the median of another way: ratio WAY OTHER WHAT
ratio() {
    [ -s "$work/$2.$3" ] || { echo -; return; }
    awk "BEGIN { printf \"%.2f\", $(median < "$work/$1.$3") / $(median < "$work/$2.$3") }"
}

cc -O2 -o "$work/netbench" bench/netbench/netbench.c
make_hosts 2
groups=()
for i in 1 2; do groups[i]=$(dirname "$(scripts/sandbox.sh --group "${inner[i]}")"); done
link bare0 10.51.0 "$inner_mtu"
link node0 10.50.0 "$outer_mtu"
link swarm0 10.52.0 "$outer_mtu"
start_machines "$image"
make_routed

networks=()
if [[ " ${ways[*]} " == *" docker "* ]]; then
    on 1 docker swarm init --advertise-addr 10.52.0.1 --listen-addr 10.52.0.1 > /dev/null
    on 2 docker swarm join --advertise-addr 10.52.0.2 --listen-addr 10.52.0.2 \
        --token "$(on 1 docker swarm join-token -q worker)" 10.52.0.1:2377 > /dev/null
    on 1 docker network create -d overlay --attachable --subnet 10.60.0.0/24 \
        -o com.docker.network.driver.mtu="$inner_mtu" swarm > /dev/null
    networks+=(swarm)
fi
if [[ " ${ways[*]} " == *" direct "* || " ${ways[*]} " == *" overlay "* ]]; then
    start_etcd
    if [[ " ${ways[*]} " == *" direct "* ]]; then take_way direct; else take_way overlay; fi
    on 1 out/weir network create app --subnet 10.40.0.0/16 --mtu "$inner_mtu" > /dev/null
    for i in 1 2; do eventually on "$i" docker network inspect app; done
    networks+=(app)
fi
for network in "${networks[@]}"; do
    on 1 docker run -d --name "server-$network" --network "$network" "$image" sleep 3600 > /dev/null
    on 2 docker run -d --name "client-$network" --network "$network" "$image" sleep 3600 > /dev/null
done
served=
for one in "${ways[@]}"; do
    [[ "$served " != *" $(place_of "$one") "* ]] || continue
    served+=" $(place_of "$one")"
    at_server "$one" iperf3 -s -D > /dev/null
    at_server "$one" "${pinned[@]}" "$work/netbench" serve 7000 2> /dev/null &
done

load_before=$(cut -d ' ' -f 1 /proc/loadavg)
for _ in $(seq "$ROUNDS"); do
    for one in "${ways[@]}"; do
        take_way "$one"
        eventually answers "$one"
        for what in throughput requests connections; do
            measure "$one" "$what"
        done
    done
done

printf '%-12s %-8s %9s %7s %9s %8s %7s %9s   %s\n' "" way median "÷ bare" "÷ docker" CPU "÷ bare" "÷ docker" "CPU of each round"
for what in throughput requests connections; do
    for one in "${ways[@]}"; do
        printf '%-12s %-8s %9.0f %6s %8s %8.2f %6s %8s   %s\n' "$what" "$one" \
            "$(median < "$work/$one.$what")" "$(ratio "$one" bare "$what")" "$(ratio "$one" docker "$what")" \
            "$(median < "$work/$one.$what.cpu")" "$(ratio "$one" bare "$what.cpu")" "$(ratio "$one" docker "$what.cpu")" \
            "$(paste -sd ' ' "$work/$one.$what.cpu")"
    done
done
echo "throughput in Mbit/s (iperf3, one stream), requests and connections per second (one at a time); CPU in µs for a" \
    "megabyte, a request, a connection; $ROUNDS rounds of $SECONDS_EACH s, load of the machine $load_before before and" \
    "$(cut -d ' ' -f 1 /proc/loadavg) after on $(nproc) cores"
