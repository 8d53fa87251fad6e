#!/usr/bin/env bash
# Makes a Debian package of a tree.
#   scripts/release/deb.sh TREE VERSION PROCESSOR FILE
set -euo pipefail
version=$2
file=$4
case "$3" in
    x86_64) architecture=amd64 ;;
    aarch64) architecture=arm64 ;;
esac
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp -a "$1" "$work/tree"
control=$work/tree/DEBIAN
install -d -m 0755 "$control"

# A deb's version says what comes before a release by a tilde.
cat > "$control/control" << END
Package: weir
Version: ${version//-/\~}
Architecture: $architecture
Maintainer: Weir maintainers <weir@localhost>
Installed-Size: $(du -k --apparent-size -s "$1" | cut -f 1)
Depends: libc6 (>= 2.34), libssl3 | libssl3t64, passwd
Suggests: docker.io | docker-ce, iptables
Section: net
Priority: optional
Description: network security for containers, by identity, in the kernel
 Weir gives containers on a Linux host network security with eBPF: who may
 talk to whom, on which port, and with which HTTP method, path and host.
 An agent attaches a program to every container by Docker's plugin interface.
END
echo /etc/weir/agent.yaml > "$control/conffiles"

# A maintainer's script of the hooks and what is read here.
script() {
    { echo '#!/bin/sh'; echo 'set -e'; cat deploy/package/hooks.sh -; } > "$control/$1"
    chmod 0755 "$control/$1"
}
# What postinst is told is the version before, removed or not; only preinst hears whether one is there.
script preinst << 'END'
if [ "$1" = install ]; then touch /run/weir.first; fi
END
script postinst << 'END'
if [ "$1" = configure ]; then
    if [ -e /run/weir.first ]; then weir_came first; else weir_came upgrade; fi
    rm -f /run/weir.first
fi
END
script prerm << 'END'
if [ "$1" = remove ]; then weir_goes /usr/bin/weir; fi
END
script postrm << 'END'
case "$1" in
    remove) weir_gone ;;
    purge) weir_purge ;;
esac
END
(cd "$work/tree" && find usr etc -type f -print0 | LC_ALL=C sort -z | xargs -0 md5sum) > "$control/md5sums"
find "$control" -exec touch -d "@$SOURCE_DATE_EPOCH" {} +
touch -d "@$SOURCE_DATE_EPOCH" "$work/tree"
# By one thread: with more, the compressed bytes depend on their number.
DPKG_DEB_THREADS_MAX=1 dpkg-deb --root-owner-group -Zxz "-z$WEIR_COMPRESSION" --build "$work/tree" "$file" > /dev/null
