#!/usr/bin/env bash
# The agent: `docker run` to the first allowed packet and twelve at once, against the bridge driver in turn; start time and
# size of the executable; and with 500 endpoints (bench/crowd.py) policy apply, other labels, memory and restart.
set -euo pipefail
. "$(dirname "$0")/sandboxed.sh"

ROUNDS=${ROUNDS:-10}
AT_ONCE=${AT_ONCE:-12}
ENDPOINTS=${ENDPOINTS:-500}
RULES=${RULES:-10000}
command -v python3 > /dev/null || install_packages python3

for network in weir plain; do
    container "target-$network" "$network" -l bench=target
done
echo '[{"endpointSelector": {"matchLabels": {"bench": "target"}}, "ingress": [{"fromEndpoints": [{"matchLabels": {"bench": "client"}}]}]}]' > /run/first.json
out/weir policy apply -f /run/first.json > /dev/null

for _ in $(seq 1 "$ROUNDS"); do
    for network in weir plain; do
        to=$(address_of "target-$network")
        begin=$(milliseconds)
        docker run --rm --network "$network" -l bench=client --name first "$IMAGE" \
            sh -c "until ping -c1 -W1 $to > /dev/null; do :; done; cat /proc/uptime" > /dev/null
        echo $(($(milliseconds) - begin)) >> "/run/first.$network"
    done
done
weir=$(median < /run/first.weir)
bridge=$(median < /run/first.plain)
printf '%-52s %8.0f ms (bridge %.0f ms: %+.0f ms; aim: at most +10)\n' "docker run to first allowed packet and end" "$weir" "$bridge" "$(awk "BEGIN { print $weir - $bridge }")"

# Containers that start together, to the end of the last.
for _ in $(seq 1 "$ROUNDS"); do
    for network in weir plain; do
        begin=$(milliseconds)
        runs=()
        for _ in $(seq 1 "$AT_ONCE"); do
            docker run --rm --network "$network" -l bench=client "$IMAGE" true &
            runs+=($!)
        done
        wait "${runs[@]}"
        echo $(($(milliseconds) - begin)) >> "/run/together.$network"
    done
done
weir=$(median < /run/together.weir)
bridge=$(median < /run/together.plain)
printf '%-52s %8.0f ms (bridge %.0f ms: %.2f times that; aim: at most 1.3)\n' "$AT_ONCE docker run at once, to the last one's end" "$weir" "$bridge" "$(awk "BEGIN { print $weir / $bridge }")"

docker ps -aq | xargs docker rm -f > /dev/null
docker network rm weir plain > /dev/null
for _ in $(seq 1 "$ROUNDS"); do
    kill "$WEIR_AGENT_PID"
    wait "$WEIR_AGENT_PID" || true
    begin=$(milliseconds)
    out/weir agent > /run/agent.log 2>&1 &
    WEIR_AGENT_PID=$!
    until out/weir status > /dev/null 2>&1; do :; done
    echo $(($(milliseconds) - begin)) >> /run/start
done
printf '%-52s %8.0f ms (aim: at most 150; it contains one run of the client)\n' "start of the agent to its first answer" "$(median < /run/start)"
printf '%-52s %8.1f MB (aim: at most 25)\n' "executable" "$(stat -c %s out/weir | awk '{ print $1 / 1048576 }')"
kill "$WEIR_AGENT_PID"
wait "$WEIR_AGENT_PID" || true
bench/crowd.py out/weir "$ENDPOINTS" "$RULES"
