#!/usr/bin/env bash
# What the record costs: RATE new flows a second (each packet is one) from one container to 64 ports of another for SECONDS_EACH seconds, with
# each of the record's settings in turn, and with all of them denied. The agent's processor time and memory, how many flows are on record, what
# was lost on the way there (the kernel's ring was full: in brackets; said by weir flows), and the record's size: flows alike within ten seconds
# are one line with their number. "offered" is what the sender got out beside all else.
#   sudo bench/record.sh
# shellcheck source=bench/sandboxed.sh
. "$(dirname "$0")/sandboxed.sh"

RATE=${RATE:-100000}
SECONDS_EACH=${SECONDS_EACH:-10}
container api weir
container web weir
address=$(address_of api)
inside api /run/netbench sink 20000 320 &
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

printf '%-8s %12s %10s %12s %14s %12s %10s %10s\n' record offered/s "CPU s" "µs a flow" written lost "KB" "RSS MB"
port=20000
for mode in off denied flows all denials; do
    # The agent alone: its containers run on.
    kill "$WEIR_AGENT_PID"
    wait "$WEIR_AGENT_PID" || true
    rm -rf /var/lib/weir/record
    start_agent /run/agent.log --record "${mode/denials/denied}" --max-flows 2097152 --max-flows-per-endpoint 2000000
    if [ "$mode" = denials ]; then
        # Each flow is denied, and told of.
        printf -- '- endpointSelector: {}\n  ingress: [{}]\n  ingressDeny: [{toPorts: [{ports: [{port: "20000", endPort: 20319, protocol: UDP}]}]}]\n' > /run/deny.yaml
        out/weir policy apply -f /run/deny.yaml > /dev/null
    fi
    lost_before=$(metric weir_events_lost_total)
    before=$(ticks)
    sent=$(inside web /run/netbench flows "$address" "$port" "$SECONDS_EACH" "$RATE")
    port=$((port + 64)) # those of before are no new flows
    sleep "$settle"
    used=$(($(ticks) - before))
    out/weir flows --since 2m -o json > /run/flows.json 2> /run/flows.err
    written=$(grep -o '"count": *"\?[0-9]*' /run/flows.json | tr -dc '0-9\n' | awk '{ n += $1 } END { print n + 0 }')
    lost=$(grep -oE '[0-9]+ (flows|events|more)[^;]*' /run/flows.err | awk '{ n += $1 } END { print n + 0 }')
    bytes=$(du -sb /var/lib/weir/record 2> /dev/null | cut -f1)
    awk -v mode="$mode" -v sent="$sent" -v seconds="$SECONDS_EACH" -v used="$used" -v written="$written" -v lost="$lost" -v kernel="$(($(metric weir_events_lost_total) - lost_before))" \
        -v bytes="${bytes:-0}" -v rss="$(awk '/VmRSS/ { print $2 / 1024 }' "/proc/$WEIR_AGENT_PID/status")" 'BEGIN {
        printf "%-8s %12.0f %10.2f %12.2f %14d %12s %10s %10.0f\n", mode, sent / seconds, used / 100, used * 10000 / sent, written, lost " (" kernel ")", sprintf("%.0f", bytes / 1024), rss }'
    cat /run/flows.err >&2
done
out/weir policy delete --all > /dev/null
