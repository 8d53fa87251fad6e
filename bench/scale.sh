#!/usr/bin/env bash
# Two hundred hosts of fifty containers each that share one real etcd: how soon all know a new container, what a start asks of
# etcd, and what an agent takes that knows all of them. AGENTS of the nodes are whole agents with a datapath in memory, the others a
# connection, a lease and a watch each, which say and hear what agents do (bench/Weir.ScaleBench); all are one process. One
# more is the executable itself, with its kernel maps. NODES, ENDPOINTS, AGENTS and STARTS bound it.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/setup.sh
. bench/figures.sh

NODES=${NODES:-200}
ENDPOINTS=${ENDPOINTS:-50}
AGENTS=${AGENTS:-2}
STARTS=${STARTS:-20}

if [ -z "${WEIR_SANDBOX:-}" ]; then
    need_root
    need_kernel
    setup_docker
    setup_etcd
    ./build.sh
    dotnet build bench/Weir.ScaleBench -c Release -v q --nologo
    WEIR_SANDBOX=1 exec scripts/sandbox.sh bench/scale.sh
fi

fail() {
    echo "scale.sh: $1" >&2
    tail -n 3 /run/agent.log >&2
    exit 1
}
# Tries a command for up to so many seconds.
within() {
    local end=$((SECONDS + $1))
    shift
    until "$@" > /dev/null 2>&1; do
        [ $SECONDS -lt $end ] || fail "in vain: $*"
    done
}
memory() { awk -v what="$1" '$1 == what":" { printf "%.0f", $2 / 1024 }' "/proc/$WEIR_AGENT_PID/status"; }
start_clustered() {
    start_agent /run/agent.log --cluster-endpoints $etcd_url --node-name real --node-address 10.50.0.1
}
is_heard() { out/weir status | grep -q "real, one of $((NODES + 1)) nodes"; }
knows() { [ "$(out/weir ip list | grep -c '^10\.40\.')" -ge "$1" ]; }
knows_address() { out/weir ip list | grep -q "^$1[ /]"; }

readonly etcd_url=http://127.0.0.1:2379
ip link set lo up
ip link add node0 type veth peer name wire0
ip link set wire0 up
ip address add 10.50.0.1/16 dev node0
ip link set node0 up
export TMPDIR=/run
start_dockerd > /dev/null
etcd --data-dir /run/etcd --log-level error > /run/etcd.log 2>&1 &
within 30 etcdctl --endpoints $etcd_url endpoint health
start_clustered
alone=$(memory VmRSS)

coproc bench/Weir.ScaleBench/bin/Release/net10.0/Weir.ScaleBench $etcd_url "$NODES" "$ENDPOINTS" "$AGENTS" "$STARTS"
while read -r line <&"${COPROC[0]}" && [ "$line" != ready ]; do
    echo "$line"
done
[ "$line" = ready ] || fail "the simulated nodes ended"

all=$((NODES * ENDPOINTS))
within 60 knows "$all"
printf '%-62s %s\n' "memory of an agent that knows $all endpoints of $NODES nodes" "$(memory VmRSS) MB, at most $(memory VmHWM) MB; alone $alone MB (aim: at most 80)"

for _ in $(seq 10); do
    echo sim001 >&"${COPROC[1]}"
    read -r address <&"${COPROC[0]}"
    begin=$(milliseconds)
    within 30 knows_address "$address"
    echo $(($(milliseconds) - begin)) >> /run/known
done
begin=$(milliseconds)
out/weir ip list > /dev/null
printf '%-62s %s\n' "a container elsewhere until the agent's own list has it" "$(median < /run/known) ms (the list itself takes $(($(milliseconds) - begin)) ms)"

kill "$WEIR_AGENT_PID"
wait "$WEIR_AGENT_PID" || true
begin=$(milliseconds)
start_clustered
within 30 is_heard
within 30 knows "$all"
printf '%-62s %s\n' "the agent restarts until it is consistent" "$(($(milliseconds) - begin)) ms (aim: at most 2000)"
exec {COPROC[1]}>&-
kill "$WEIR_AGENT_PID"
