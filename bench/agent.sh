#!/usr/bin/env bash
# The agent: `docker run` to the first allowed packet against the bridge driver, policy apply with 100
# endpoints, memory, start time, size of the executable.
set -euo pipefail
. "$(dirname "$0")/sandboxed.sh"

ROUNDS=${ROUNDS:-10}
ENDPOINTS=${ENDPOINTS:-100}

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
printf '%-52s %8.0f ms (bridge %.0f ms: %+.0f ms; aim: at most +20)\n' "docker run to first allowed packet and end" "$weir" "$bridge" "$(awk "BEGIN { print $weir - $bridge }")"

for i in $(seq 1 "$ENDPOINTS"); do
    container "endpoint$i" weir -l bench=many -l "number=$((i % 20))"
done
# What the agent keeps once it has nothing to do.
#   print_memory TITLE
print_memory() {
    awk -v title="$1" '{ mb[$1] = $2 / 1024 } END {
        printf "%-52s %8.0f MB (aim: at most 50; at its most so far: %.0f MB)\n", title, mb["VmRSS:"], mb["VmHWM:"] }' "/proc/$WEIR_AGENT_PID/status"
}
sleep 12
print_memory "memory of the agent with $ENDPOINTS endpoints, at rest"
for size in 1 1000; do
    rm -f /run/apply
    for round in $(seq 1 5); do
        {
            echo '[{"endpointSelector": {"matchLabels": {"bench": "many"}}, "ingress": ['
            for i in $(seq 1 "$size"); do
                printf '{"fromEndpoints": [{"matchLabels": {"number": "%d"}}], "toPorts": [{"ports": [{"port": "%d", "protocol": "TCP"}]}]},\n' \
                    $((i % 20)) $((i + round))
            done
            echo '{"fromEndpoints": [{"matchLabels": {"bench": "client"}}]}]}]'
        } > /run/many.json
        begin=$(milliseconds)
        out/weir policy apply -f /run/many.json > /dev/null
        echo $(($(milliseconds) - begin)) >> /run/apply
    done
    printf '%-52s %8.0f ms (aim: at most 100)\n' "policy apply, $size entries on $ENDPOINTS endpoints" "$(median < /run/apply)"
done
sleep 12
print_memory "memory after those policies, at rest"

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
