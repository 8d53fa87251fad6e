#!/usr/bin/env bash
# Container to container on one host: throughput, requests and connections per second on a weir network
# against Docker's own bridge with iptables, with 0, 100 and 10 000 rules on both sides. Both are
# measured in turn, round after round; the medians and their ratio are shown.
set -euo pipefail
. "$(dirname "$0")/sandboxed.sh"

ROUNDS=${ROUNDS:-5}
SECONDS_EACH=${SECONDS_EACH:-2}

for network in weir plain; do
    container "server-$network" "$network" -l bench=server
    container "client-$network" "$network" -l bench=client
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
    to=$(address_of "server-$1")
    case "$2" in
        throughput) inside "client-$1" iperf3 -c "$to" -t "$SECONDS_EACH" -f m -O 1 | awk '/receiver/ { print $7 }' ;;
        requests) inside "client-$1" /run/netbench rr "$to" 7000 "$SECONDS_EACH" ;;
        connections) inside "client-$1" /run/netbench crr "$to" 7000 "$SECONDS_EACH" ;;
    esac
}

printf '%-14s %7s %12s %12s %7s\n' "" rules weir bridge ratio
for rules in 0 100 10000; do
    rules_of_weir "$rules"
    rules_of_bridge "$rules"
    for what in throughput requests connections; do
        rm -f /run/result.*
        for _ in $(seq 1 "$ROUNDS"); do
            for network in weir plain; do
                measure "$network" "$what" >> "/run/result.$network"
            done
        done
        weir=$(median < /run/result.weir)
        bridge=$(median < /run/result.plain)
        printf '%-14s %7d %12.0f %12.0f %7.2f\n' "$what" "$rules" "$weir" "$bridge" "$(awk "BEGIN { print $weir / $bridge }")"
    done
done
echo "throughput in Mbit/s (iperf3, one stream), requests and connections per second (one at a time)"
