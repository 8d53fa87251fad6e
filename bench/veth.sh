#!/usr/bin/env bash
# Packets per second of Weir's load balancer over veth on this machine's kernel and one of its processors,
# against iptables and nftables. Every way in turn, round after round; medians, and their ratio to
# iptables with one service. For the ways see bench/peers/cases.sh.
#   sudo bench/veth.sh [CASE]...
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/setup.sh

ROUNDS=${ROUNDS:-5}
PACKETS=${PACKETS:-50000}
KNOWN=${KNOWN:-1024}
CASES=${*:-floor floor-tx floor-tc iptables-1 iptables-100 iptables-1000 iptables-masquerade-1 nft-1 nft-100 nft-1000 weir-dsr-1 weir-dsr-100 weir-dsr-1000 weir-dsr-l2-1 weir-snat-1}

if [ -z "${WEIR_SANDBOX:-}" ]; then
    need_root
    need_kernel
    setup_build
    missing=()
    for tool in nft:nftables iptables-legacy:iptables ip:iproute2; do
        command -v "${tool%%:*}" > /dev/null || missing+=("${tool##*:}")
    done
    install_packages "${missing[@]}"
    # shellcheck disable=SC2086
    WEIR_SANDBOX=1 exec scripts/sandbox.sh bench/veth.sh $CASES
fi

bench/peers/build.sh /run/tools
for _ in $(seq 1 "$ROUNDS"); do
    for case in $CASES; do
        # The last processor: the first one has most of the interrupts. Nothing else may run there
        # meanwhile, for a tenth of a second at a time.
        taskset -c "$(($(nproc) - 1))" chrt --fifo 1 bench/peers/cases.sh /run/tools "$case" "$KNOWN" "$PACKETS"
    done
done > /run/results
awk -f bench/peers/rates.awk /run/results
