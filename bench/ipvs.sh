#!/usr/bin/env bash
# Instructions per packet of Weir's load balancer against IPVS, iptables and nftables: all in one
# emulated machine with Debian's kernel, which counts every instruction that it executes. One run is as
# good as many: nothing in it depends on what else this machine does.
#   sudo bench/ipvs.sh [CASE]...      for the cases see bench/peers/cases.sh
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/setup.sh
. scripts/vm.sh

PACKETS=${PACKETS:-4096}
KNOWN=${KNOWN:-1024}
CASES=${*:-floor floor-tx floor-tc ipvs-nat-1 ipvs-nat-1000 ipvs-dr-1 ipvs-tun-1 ipvs-conntrack-1 iptables-1 iptables-100 iptables-1000 iptables-masquerade-1 nft-1 nft-1000 weir-dsr-1 weir-dsr-1000 weir-dsr-l2-1 weir-snat-1 ipv6-floor ipv6-floor-tx ipv6-ipvs-nat-1 ipv6-ipvs-dr-1 ipv6-ipvs-tun-1 ipv6-weir-dsr-1 ipv6-weir-dsr-1000 ipv6-weir-dsr-l2-1 ipv6-weir-snat-1}

setup_vm
setup_build
missing=()
for tool in ipvsadm:ipvsadm nft:nftables iptables-legacy:iptables ip:iproute2; do
    command -v "${tool%%:*}" > /dev/null || missing+=("${tool##*:}")
done
install_packages "${missing[@]}"

work=$(mktemp -d "${TMPDIR:-/tmp}/weir-vm.XXXXXX")
trap 'rm -rf "$work"; hand_back' EXIT
root=$work/root
vm_fetch
vm_root "$root" bench/peers/init
vm_program "$root" bash ip ipvsadm nft iptables-legacy iptables-legacy-restore
xtables=$(dirname "$(find /usr/lib -name libxt_tcp.so | head -1)")
mkdir -p "$root$xtables"
cp "$xtables"/*.so "$root$xtables"
vm_modules "$root" veth cls_bpf sch_ingress ipip ip_vs ip_vs_rr iptable_nat xt_nat xt_tcpudp xt_mark \
    xt_MASQUERADE nf_tables nft_nat nft_chain_nat nft_hash
bench/peers/build.sh "$root/balancer"
printf 'cases="%s"\nknown=%d\npackets=%d\n' "$CASES" "$KNOWN" "$PACKETS" > "$root/balancer/plan"

# TCG would count "rep movsb", which these two features announce, byte by byte.
vm_boot "$root" 1800 -cpu max,-erms,-fsrm -icount shift=0,sleep=off > "$work/console" || true
grep -qx 'done' "$work/console" || { echo "ipvs.sh: the machine did not get to its end:" >&2; tail -20 "$work/console" >&2; exit 1; }
grep '^kernel' "$work/console"
awk -f bench/peers/table.awk "$work/console"
