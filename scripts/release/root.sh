#!/usr/bin/env bash
# Makes the root of a fresh machine, which fresh.sh boots: a distribution as its archive has it, with its own Docker.
#   scripts/release/root.sh SUITE FOLDER            bookworm, trixie (Debian); jammy, noble (Ubuntu)
set -euo pipefail
cd "$(dirname "$0")/../.."
. scripts/setup.sh
suite=$1
folder=$2
[ ! -e "$folder/.whole" ] || exit 0

command -v debootstrap > /dev/null || install_packages debootstrap
mirror=http://deb.debian.org/debian
components=main
options=()
case "$suite" in
    jammy | noble)
        mirror=http://archive.ubuntu.com/ubuntu
        components=main,universe
        # By whose keys Ubuntu signs, says Debian 13, whatever this machine is.
        trixie=$(dirname "$folder")/trixie
        "$0" trixie "$trixie"
        keyring=$(dirname "$folder")/ubuntu-archive-keyring.gpg
        if [ ! -e "$keyring" ]; then
            chroot "$trixie" sh -c 'cd /tmp && apt-get download -qq ubuntu-keyring 2> /dev/null'
            dpkg-deb --fsys-tarfile "$trixie"/tmp/ubuntu-keyring_*.deb | tar -xO ./usr/share/keyrings/ubuntu-archive-keyring.gpg > "$keyring.new"
            rm "$trixie"/tmp/ubuntu-keyring_*.deb
            mv "$keyring.new" "$keyring"
        fi
        options=(--keyring="$keyring")
        ;;
esac
# All of Ubuntu's suites are made alike.
script=/usr/share/debootstrap/scripts/$suite
[ -e "$script" ] || script=/usr/share/debootstrap/scripts/gutsy

echo "making the root of a fresh machine: $suite"
rm -rf --one-file-system "$folder"
mkdir -p "$folder"
log=$folder.log
debootstrap --variant=minbase --include=systemd,systemd-sysv,dbus --components="$components" "${options[@]}" "$suite" "$folder" "$mirror" "$script" \
    > "$log" 2>&1 || { tail -5 "$log" >&2; exit 1; }
cp /etc/resolv.conf "$folder/etc/resolv.conf"
mount -t proc proc "$folder/proc"
trap 'umount "$folder/proc"' EXIT
# Nothing is started here: services are when the machine boots.
printf '#!/bin/sh\nexit 101\n' > "$folder/usr/sbin/policy-rc.d"
chmod +x "$folder/usr/sbin/policy-rc.d"
inside() { chroot "$folder" env -i DEBIAN_FRONTEND=noninteractive PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 "$@" >> "$log" 2>&1 || { tail -5 "$log" >&2; exit 1; }; }
inside apt-get update -qq
packages=(docker.io iptables iproute2 busybox-static curl firewalld ufw)
# Where the command line is a package of its own.
! grep -qsx 'Package: docker-cli' "$folder"/var/lib/apt/lists/*_Packages || packages+=(docker-cli)
inside apt-get install -y -qq --no-install-recommends "${packages[@]}"
# A test starts them when it wants them.
inside systemctl disable firewalld ufw
rm "$folder/usr/sbin/policy-rc.d"
touch "$folder/.whole"
