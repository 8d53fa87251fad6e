#!/usr/bin/env bash
# What the record costs: RATE new flows a second (each packet is one) from one container to another for SECONDS, with each of the
# record's settings in turn. The agent's processor time and memory, what is lost on the way to the record (counted, and said by weir
# flows), and bytes of disk for each flow that was written down. "offered" is what the sender got out beside all else.
#   sudo bench/record.sh
# shellcheck source=bench/sandboxed.sh
. "$(dirname "$0")/sandboxed.sh"

RATE=${RATE:-100000}
SECONDS_EACH=${SECONDS_EACH:-10}
container api weir
container web weir
address=$(address_of api)
inside api /run/netbench sink 20000 64 &
sink=$!
trap 'kill $sink 2> /dev/null' EXIT
settle=12 # the record writes every ten seconds

# The agent's processor time, in ticks of a hundredth.
ticks() {
    awk '{ print $14 + $15 }' "/proc/$WEIR_AGENT_PID/stat"
}

metric() {
    out/weir metrics --prometheus | awk -v name="$1" '$1 == name { print $2 }'
}

printf '%-8s %12s %10s %12s %14s %12s %10s %10s\n' record offered/s "CPU s" "µs a flow" written "lost" "B a flow" "RSS MB"
for mode in off denied flows all denials; do
    stop_agent
    rm -rf /var/lib/weir/record
    start_agent /run/agent.log --record "${mode/denials/denied}"
    if [ "$mode" = denials ]; then
        # Each flow is denied, and told of.
        printf -- '- endpointSelector: {}\n  ingress: [{}]\n  ingressDeny: [{toPorts: [{ports: [{port: "20000", endPort: 20063, protocol: UDP}]}]}]\n' > /run/deny.yaml
        out/weir policy apply -f /run/deny.yaml > /dev/null
    fi
    lost_before=$(metric weir_events_lost_total)
    before=$(ticks)
    sent=$(inside web /run/netbench flows "$address" 20000 "$SECONDS_EACH" "$RATE")
    sleep "$settle"
    used=$(($(ticks) - before))
    out/weir flows --since 2m -o json > /run/flows.json 2> /run/flows.err
    written=$(grep -o '"count": *"\?[0-9]*' /run/flows.json | tr -dc '0-9\n' | awk '{ n += $1 } END { print n + 0 }')
    lost=$(grep -oE '[0-9]+ (flows|events|more)[^;]*' /run/flows.err | awk '{ n += $1 } END { print n + 0 }')
    bytes=$(du -sb /var/lib/weir/record 2> /dev/null | cut -f1)
    awk -v mode="$mode" -v sent="$sent" -v seconds="$SECONDS_EACH" -v used="$used" -v written="$written" -v lost="$lost" -v kernel="$(($(metric weir_events_lost_total) - lost_before))" \
        -v bytes="${bytes:-0}" -v rss="$(awk '/VmRSS/ { print $2 / 1024 }' "/proc/$WEIR_AGENT_PID/status")" 'BEGIN {
        printf "%-8s %12.0f %10.2f %12.2f %14d %12s %10s %10.0f\n", mode, sent / seconds, used / 100, used * 10000 / sent, written, lost " (" kernel ")", (written ? sprintf("%.1f", bytes / written) : "-"), rss }'
    cat /run/flows.err >&2
done
out/weir policy delete --all > /dev/null
