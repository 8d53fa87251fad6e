#!/usr/bin/env bash
# Loads and runs every BPF program on the oldest kernel that Weir supports: Debian's 6.1, emulated; or on another of Debian's.
#   sudo scripts/vm-test.sh [FOLDER]     of *.bpf.o; by default what was built last
#   sudo WEIR_VM_SUITE=trixie scripts/vm-test.sh       on Debian 13's 6.12
# Prints "load NAME ok INSTRUCTIONS" and "run NAME ok RESULT" for each, and the verifier's log where not.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/setup.sh
. scripts/vm.sh

setup_vm
objects=${1:-src/Weir.Datapath/obj/bpf}
work=$(mktemp -d "${TMPDIR:-/tmp}/weir-vm.XXXXXX")
trap 'rm -rf "$work"' EXIT

vm_fetch
vm_root "$work/root" tests/Weir.Kernel.Tests/OldKernel/init
vm_modules "$work/root" cls_bpf sch_ingress veth
cc -std=gnu11 -O2 -Wall -Wextra -Werror -static -o "$work/root/usr/bin/load" tests/Weir.Kernel.Tests/OldKernel/load.c -lbpf -lelf -lz
mkdir "$work/root/objects"
cp "$objects"/*.bpf.o "$work/root/objects"
vm_boot "$work/root" "${SECONDS_AT_MOST:-240}" "${VM_CPU[@]}" | tee "$work/console"
grep -qx '0 failed' "$work/console"
