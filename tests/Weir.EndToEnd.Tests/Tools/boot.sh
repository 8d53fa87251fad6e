#!/usr/bin/env bash
# Boots systemd as the first process of a sandbox, on this machine's system with everything that is changed thrown away in the
# end, and with nothing to start but what a test installs: no unit of this machine's, nothing that would reach past the
# sandbox (devices, kernel settings, /tmp).
#   scripts/sandbox.sh tests/Weir.EndToEnd.Tests/Tools/boot.sh
set -euo pipefail
# As systemd itself has it where it is not told of a container; within the sandbox.
mount --make-rshared /
umount /var/lib
mkdir /run/changed
mount -t tmpfs tmpfs /run/changed
mount -t tmpfs -o mode=1777 tmpfs /tmp
for folder in usr etc var root; do
    mkdir -p "/run/changed/$folder/upper" "/run/changed/$folder/work"
    mount -t overlay -o "lowerdir=/$folder,upperdir=/run/changed/$folder/upper,workdir=/run/changed/$folder/work" overlay "/$folder"
done
# Layers of images lie on no overlay.
mkdir -p /var/lib/docker
mount -t tmpfs tmpfs /var/lib/docker
rm -rf /usr/lib/systemd/system/*.wants /usr/lib/systemd/system/*.requires /etc/systemd/system/*.wants /etc/systemd/system/*.requires \
    /usr/lib/systemd/system-generators /etc/systemd/system-generators /usr/lib/systemd/system/tmp.mount /usr/lib/systemd/system/systemd-tmpfiles* \
    /usr/lib/systemd/system/systemd-udev* /usr/lib/systemd/system/systemd-sysctl* /usr/lib/systemd/system/systemd-remount-fs* /usr/sbin/policy-rc.d
mkdir -p /etc/systemd/system/multi-user.target.wants /etc/systemd/journald.conf.d
ln -s /usr/lib/systemd/system/systemd-journald.service /etc/systemd/system/multi-user.target.wants/
printf '[Journal]\nStorage=volatile\nReadKMsg=no\nForwardToSyslog=no\nForwardToConsole=no\n' > /etc/systemd/journald.conf.d/sandbox.conf
echo ready
exec unshare --uts env -i PATH=/usr/sbin:/usr/bin container=sandbox \
    /usr/lib/systemd/systemd --system --unit=multi-user.target --log-target=null --show-status=no
