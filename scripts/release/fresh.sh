#!/usr/bin/env bash
# Boots systemd in the root of another distribution, in a sandbox: a machine that has nothing of this one but its kernel. What it
# changes lies in a folder: booted again with the same, it has been switched off and on again.
#   scripts/sandbox.sh scripts/release/fresh.sh ROOT CHANGES
set -euo pipefail
root=$1
changes=$2
new=/run/root
mkdir -p "$new" "$changes/upper" "$changes/work" "$changes/docker" "$changes/containerd"
mount -t overlay -o "lowerdir=$root,upperdir=$changes/upper,workdir=$changes/work" overlay "$new"

mount -t proc proc "$new/proc"
mount -t sysfs sysfs "$new/sys"
mount -t cgroup2 cgroup2 "$new/sys/fs/cgroup"
mount -t bpf bpf "$new/sys/fs/bpf"
mount -t tmpfs -o mode=0755 tmpfs "$new/run"
# systemd empties /tmp when it boots.
mount -t tmpfs -o mode=1777 tmpfs "$new/tmp"
# No device of this machine's, and no console to write to.
mount -t tmpfs -o mode=0755 tmpfs "$new/dev"
for device in null zero full random urandom tty; do
    touch "$new/dev/$device"
    mount --bind "/dev/$device" "$new/dev/$device"
done
mkdir "$new/dev/pts" "$new/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$new/dev/pts"
ln -s pts/ptmx "$new/dev/ptmx"
ln -s /proc/self/fd "$new/dev/fd"
# Layers of images lie on no overlay.
mkdir -p "$new/var/lib/docker" "$new/var/lib/containerd"
mount --bind "$changes/docker" "$new/var/lib/docker"
mount --bind "$changes/containerd" "$new/var/lib/containerd"
# What would reach past the sandbox: the kernel's settings and modules, the clock.
for unit in systemd-sysctl systemd-modules-load systemd-timesyncd systemd-udevd systemd-random-seed; do
    ln -sf /dev/null "$new/etc/systemd/system/$unit.service"
done
mkdir -p "$new/etc/systemd/journald.conf.d"
printf '[Journal]\nStorage=volatile\nReadKMsg=no\nForwardToSyslog=no\nForwardToConsole=no\n' > "$new/etc/systemd/journald.conf.d/sandbox.conf"

mkdir -p "$new/run/before"
cd "$new"
pivot_root . run/before
cd /
umount -l /run/before
# As systemd itself has it where it is not told of a container.
mount --make-rshared /
exec unshare --uts env -i PATH=/usr/sbin:/usr/bin container=sandbox \
    /usr/lib/systemd/systemd --system --unit=multi-user.target --log-target=null --show-status=no
