#!/usr/bin/env bash
# From the start of a container's process on one host to its first packet that another host's policy lets in: the other has to
# hear who it is. Beside it, in turn, the same with the server on the container's own host, which knows at once.
#   direct, overlay    the way between the hosts; own: the server on the same host
#   known, new         labels that another container has already, or that nobody had before
# STARTS of each; median and the slowest, in milliseconds since the process's first line.
set -Eeuo pipefail
trap 'echo "first-packet.sh: line $LINENO: $BASH_COMMAND" >&2' ERR
cd "$(dirname "$0")/.."
. scripts/setup.sh
. scripts/hosts.sh
. bench/figures.sh

STARTS=${STARTS:-20}
readonly image=weir-bench

need_root
need_kernel
setup_docker
setup_etcd
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

cc -O2 -static -o "$work/netbench" bench/netbench/netbench.c
make_hosts 2
join_hosts
for i in 1 2; do
    on "$i" mkdir -p /run/bench
    cp "$work/netbench" "/proc/${inner[i]}/root/run/bench/netbench"
done
start_machines "$image"
start_etcd
cat > "/proc/${inner[1]}/root/run/policy.yaml" << 'EOF'
- endpointSelector: {matchLabels: {role: server}}
  ingress: [{fromEndpoints: [{matchLabels: {role: client}}]}]
EOF

# one WAY HOST LABEL...: a container on the first host whose process knocks at the server of HOST
one() {
    local way=$1 host=$2 labels=()
    shift 2
    for label in "$@"; do labels+=(-l "$label"); done
    on 1 docker run --rm --network app -v /run/bench:/bench -l role=client "${labels[@]}" "$image" /bench/netbench first "$(address_on "$host" server)" 7000 >> "$work/$way"
}

for way in direct overlay; do
    start_agents --node-way "$way"
    if [ "$way" = direct ]; then
        on 1 out/weir network create app --subnet 10.40.0.0/16 > /dev/null
        for i in 1 2; do
            eventually on "$i" docker network inspect app
            on "$i" docker run -d --name server --network app -v /run/bench:/bench -l role=server "$image" /bench/netbench serve 7000 > /dev/null
        done
        on 1 docker run -d --name held --network app -l role=client "$image" sleep 3600 > /dev/null
        on 1 out/weir policy apply -f /run/policy.yaml > /dev/null
    fi
    one warm 2 && one warm 1
    for n in $(seq "$STARTS"); do
        one "$way-known" 2
        one "own-known" 1
        one "$way-new" 2 "n=$way-$n"
        one "own-new" 1 "m=$way-$n"
    done
    stop_agents
done

printf '%-14s %9s %9s\n' "ms to" median slowest
for way in own-known direct-known overlay-known own-new direct-new overlay-new; do
    printf '%-14s %9s %9s\n' "$way" "$(median < "$work/$way")" "$(sort -n "$work/$way" | tail -1)"
done
echo "load of the machine $(cut -d ' ' -f 1 /proc/loadavg) on $(nproc) cores"
