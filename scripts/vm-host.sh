#!/usr/bin/env bash
# A host with Debian's kernel, emulated, with dockerd, out/weir and what the end-to-end tests use: for shapes of hosts
# that this machine's kernel cannot take (VLANs, bonds, WireGuard, cgroup v1, ipv6.disable=1).
#   sudo scripts/vm-host.sh WEIR SECONDS [PARAMETER]...     of the kernel; the executable comes to be at the path WEIR
# Prints "serving" when tests/Weir.EndToEnd.Tests/Tools/remote.py answers in it. It reaches nobody, and is reached only
# from the network namespace that this script makes: nsenter -t PID --net. It dies with the script, or after SECONDS.
# The parameter cgroups= says what is mounted at /sys/fs/cgroup: v2 (the default), v1.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/setup.sh
. scripts/vm.sh

if [ "${1:-}" != --inside ]; then
    need_root
    [ -x out/weir ] || { echo "vm-host.sh: out/weir is missing: run ./build.sh" >&2; exit 1; }
    # A session of its own: where the kernel shares processors out among sessions (sched_autogroup), that is what has a right.
    exec unshare --net --mount --pid --fork --kill-child --mount-proc -- setsid --wait "$0" --inside "$@"
fi
weir=$2 seconds=$3
shift 3
ip link set lo up
vm_fetch
# Gone with the script, however that ends.
mount -t tmpfs tmpfs /run
root=/run/root
vm_root "$root" tests/Weir.EndToEnd.Tests/HostShapes/init
vm_program "$root" bash env dockerd docker containerd containerd-shim-runc-v2 runc docker-proxy ip tc wg pkill pgrep \
    iptables iptables-restore iptables-save ip6tables ip6tables-restore ip6tables-save
(cd / && tar -c usr/lib/*/xtables) | tar -C "$root" -x
vm_libraries "$root" /usr/lib/*/xtables/*.so
vm_python "$root"
modules=/lib/modules/$VM_RELEASE
mkdir -p "$root$modules"
(cd "$VM_KERNEL$modules" && cp -a --parents modules.* kernel/{net,lib,crypto,arch} kernel/drivers/{net,virtio} kernel/fs/overlayfs "$root$modules")
depmod -b "$root" "$VM_RELEASE"
printf 'root:x:0:0:root:/root:/bin/sh\n' > "$root/etc/passwd"
printf 'root:x:0:\ndocker:x:999:\n' > "$root/etc/group"
printf '127.0.0.1 localhost\n::1 localhost\n' > "$root/etc/hosts"
install -D out/weir "$root$weir"
mkdir -p "$root$PWD/tests/Weir.EndToEnd.Tests"
cp -a --parents scripts tests/Weir.EndToEnd.Tests/Tools "$root$PWD"
ln -s "$PWD" "$root/clone"
printf '%s\n' "$PWD" "$(dirname "$weir")" > "$root/places"

# Nothing takes longer than one processor that is emulated: others wait for it, not it for others.
renice -n -5 $$ > /dev/null || true
echo -5 2> /dev/null > /proc/self/autogroup || true
export TMPDIR=/run VM_MEMORY=2560 VM_APPEND="$*"
vm_boot "$root" "$seconds" "${VM_CPU[@]}" -netdev user,id=tests,restrict=on,hostfwd=tcp:127.0.0.1:7000-:7000 -device virtio-net-pci,netdev=tests,romfile=
