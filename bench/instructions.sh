#!/usr/bin/env bash
# Instructions per packet of our programs, as the rows of bench/datapath.sh and bench/balancer.sh have them: the same
# benchmark in an emulated machine with Debian's kernel, whose clock advances by a nanosecond an instruction, so that
# its nanoseconds are instructions. One run is as good as many, whatever else this machine does.
#   sudo bench/instructions.sh [ROWS]...     "balancer", or words of rows' names; by default those of the first
#                                            table's first column, and "balancer"
# BENCHMARKS: folders of built benchmarks, measured one after the other; by default this clone's own. With that of an
# older version it says what has become better or worse.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/setup.sh
. scripts/vm.sh

[ $# -gt 0 ] || set -- "    10 policy entries,     10 prefixes" balancer
setup_vm
setup_build
if [ -z "${BENCHMARKS:-}" ]; then
    dotnet build bench/Weir.DatapathBench -c Release -v q --nologo
    BENCHMARKS=bench/Weir.DatapathBench/bin/Release/net10.0
fi

work=$(mktemp -d "${TMPDIR:-/tmp}/weir-vm.XXXXXX")
trap 'rm -rf "$work"; hand_back' EXIT
root=$work/root
vm_fetch
vm_root "$root" bench/peers/init-instructions
vm_program "$root" bash
dotnet=$(dirname "$(readlink -f "$(command -v dotnet)")")
for part in dotnet host shared/Microsoft.NETCore.App; do
    mkdir -p "$root/dotnet/$(dirname "$part")"
    cp -r "$dotnet/$part" "$root/dotnet/$part"
done
libbpf=$(ldconfig -p | awk '/libbpf\.so\.1 / { print $NF; exit }')
install -D "$(readlink -f "$libbpf")" "$root$libbpf"
while read -r library; do
    [ -e "$root$library" ] || install -D "$(readlink -f "$library")" "$root$library"
done < <(ldd "$dotnet/dotnet" "$dotnet"/shared/Microsoft.NETCore.App/*/*.so "$libbpf" 2> /dev/null | grep -o '/[^ ]*\.so[^ ]*' | grep -v ':$' | sort -u)
number=0
for folder in $BENCHMARKS; do
    number=$((number + 1))
    mkdir -p "$root/benchmarks"
    cp -r "$folder" "$root/benchmarks/$number"
done
printf '%s\n' "$@" > "$root/rows"

# TCG would count "rep movsb", which these two features announce, byte by byte.
vm_boot "$root" 1800 -cpu max,-erms,-fsrm -icount shift=0,sleep=off > "$work/console" || true
grep -qx 'done' "$work/console" || { echo "instructions.sh: the machine did not get to its end:" >&2; tail -20 "$work/console" >&2; exit 1; }
sed '/^done$/,$d' "$work/console"
