#!/usr/bin/env bash
# What programs see of connections whose bytes sk_msg hands from socket to socket, beside plain TCP: on this machine's kernel,
# and on Debian's 6.1, emulated. Nothing of Weir takes part: it is why Weir does not do it
# (docs/adr/0052-no-bytes-past-tcp.md), and how to look again on a newer kernel.
#   sudo bench/sockmap.sh
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/setup.sh
. scripts/vm.sh
need_root
need_kernel
setup_build
setup_vm
work=$(mktemp -d "${TMPDIR:-/tmp}/weir-sockmap.XXXXXX")
trap 'rm -rf "$work"' EXIT

"$(find_clang)" -target bpf -mcpu=v3 -O2 -g -Wall -Wextra -Werror -idirafter "/usr/include/$(uname -m)-linux-gnu" \
    -c bench/sockmap/redirect.bpf.c -o "$work/redirect.bpf.o"
cc -D_GNU_SOURCE -std=gnu11 -O2 -Wall -Wextra -Werror -static -o "$work/sockmap" bench/sockmap/sockmap.c -lbpf -lelf -lz
echo "kernel $(uname -r)"
timeout 60 "$work/sockmap" "$work/redirect.bpf.o"

vm_fetch
cat > "$work/init" <<'INIT'
#!/bin/sh
export PATH=/usr/sbin:/usr/bin
mount -t proc proc /proc
mount -t sysfs sys /sys
ip link set lo up
echo "kernel $(uname -r)"
sockmap /redirect.bpf.o
poweroff -f
INIT
vm_root "$work/root" "$work/init"
install -m 0755 "$work/sockmap" "$work/root/usr/bin/sockmap"
cp "$work/redirect.bpf.o" "$work/root"
vm_boot "$work/root" 240 "${VM_CPU[@]}"
