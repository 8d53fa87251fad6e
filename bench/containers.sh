#!/usr/bin/env bash
# Container to container on one host: throughput, requests and connections per second on a weir network
# against a bare pair of veths, which is the limit, and Docker's own bridge with iptables, with 0, 100 and 10 000 rules
# on both sides. All are measured in turn, round after round; the medians and their ratios are shown.
#   sudo bench/containers.sh [RULES]...
set -euo pipefail
for rules in "$@"; do
    [[ $rules =~ ^[0-9]+$ ]] || { echo "containers.sh: $rules is no number of rules: bench/containers.sh [RULES]..., such as 0 100" >&2; exit 2; }
done
. "$(dirname "$0")/sandboxed.sh"

ROUNDS=${ROUNDS:-5}
SECONDS_EACH=${SECONDS_EACH:-2}

# The two containers of no network, at both ends of a pair.
join_bare() {
    local server client
    server=$(docker inspect -f '{{.State.Pid}}' server-bare)
    client=$(docker inspect -f '{{.State.Pid}}' client-bare)
    ip link add eth0 netns "$server" type veth peer name eth0 netns "$client"
    inside server-bare ip address add "$BARE/30" dev eth0
    inside client-bare ip address add 192.0.2.2/30 dev eth0
    inside server-bare ip link set eth0 up
    inside client-bare ip link set eth0 up
}

NETWORKS="weir bare plain"
BARE=192.0.2.1

for network in $NETWORKS; do
    container "server-$network" "${network/bare/none}" -l bench=server
    container "client-$network" "${network/bare/none}" -l bench=client
    [ "$network" != bare ] || join_bare
    inside "server-$network" iperf3 -s -D > /dev/null
    inside "server-$network" /run/netbench serve 7000 &
done
sleep 1

# N rules that do not match what is measured, before the one that does.
rules_of_weir() {
    [ "$1" -gt 0 ] || { out/weir policy delete bench > /dev/null 2>&1 || true; return; }
    {
        echo '[{"endpointSelector": {"matchLabels": {"bench": "server"}}, "ingress": ['
        for i in $(seq 1 "$1"); do
            printf '{"fromCIDR": ["10.%d.%d.%d/32"], "toPorts": [{"ports": [{"port": "%d", "protocol": "TCP"}]}]},\n' \
                $((i >> 16)) $((i >> 8 & 255)) $((i & 255)) $((10000 + i))
        done
        echo '{"fromEndpoints": [{"matchLabels": {"bench": "client"}}]}]}]'
    } > /run/bench.json
    out/weir policy apply -f /run/bench.json > /dev/null
}

rules_of_bridge() {
    {
        echo '*filter'
        echo ':DOCKER-USER - [0:0]'
        for i in $(seq 1 "$1"); do
            printf -- '-A DOCKER-USER -s 10.%d.%d.%d/32 -p tcp --dport %d -j ACCEPT\n' \
                $((i >> 16)) $((i >> 8 & 255)) $((i & 255)) $((10000 + i))
        done
        echo '-A DOCKER-USER -j RETURN'
        echo COMMIT
    } | iptables-restore --noflush
}

measure() { # NETWORK WHAT
    local to
    to=$([ "$1" = bare ] && echo "$BARE" || address_of "server-$1")
    case "$2" in
        throughput) inside "client-$1" iperf3 -c "$to" -t "$SECONDS_EACH" -f m -O 1 | awk '/receiver/ { print $7 }' ;;
        requests) inside "client-$1" /run/netbench rr "$to" 7000 "$SECONDS_EACH" ;;
        connections) inside "client-$1" /run/netbench crr "$to" 7000 "$SECONDS_EACH" ;;
    esac
}

printf '%-14s %7s %12s %12s %7s %12s %7s\n' "" rules weir bare ratio bridge ratio
for rules in ${*:-0 100 10000}; do
    rules_of_weir "$rules"
    rules_of_bridge "$rules"
    for what in throughput requests connections; do
        rm -f /run/result.*
        for _ in $(seq 1 "$ROUNDS"); do
            for network in $NETWORKS; do
                measure "$network" "$what" >> "/run/result.$network"
            done
        done
        for network in $NETWORKS; do
            median < "/run/result.$network"
        done | paste -s -d ' ' | awk -v what="$what" -v rules="$rules" \
            '{ printf "%-14s %7d %12.0f %12.0f %7.2f %12.0f %7.2f\n", what, rules, $1, $2, $1 / $2, $3, $1 / $3 }'
    done
done
echo "throughput in Mbit/s (iperf3, one stream), requests and connections per second (one at a time)"
