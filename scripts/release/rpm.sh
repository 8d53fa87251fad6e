#!/usr/bin/env bash
# Makes an rpm of a tree.
#   scripts/release/rpm.sh TREE VERSION PROCESSOR FILE
set -euo pipefail
tree=$(realpath "$1")
version=$2
processor=$3
file=$(realpath "$(dirname "$4")")/$(basename "$4")
# Built in one place, whatever the clone's: the header tells it.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

{
    cat << END
Name: weir
Version: ${version//-/\~}
Release: 1
Summary: Network security for containers, by identity, in the kernel
License: Apache-2.0 AND GPL-2.0-only AND BSD-2-Clause AND LGPL-3.0-or-later AND Zlib AND MIT AND BSD-3-Clause
Requires: glibc >= 2.34, openssl-libs >= 3.0, shadow-utils
Suggests: iptables
AutoReqProv: no

%description
Weir gives containers on a Linux host network security with eBPF: who may
talk to whom, on which port, and with which HTTP method, path and host.
An agent attaches a program to every container by Docker's plugin interface.

%install
cp -a $tree/. %{buildroot}/

%post
END
    cat deploy/package/hooks.sh
    cat << 'END'
if [ "$1" -eq 1 ]; then weir_came first; else weir_came upgrade; fi

%preun
END
    cat deploy/package/hooks.sh
    cat << 'END'
if [ "$1" -eq 0 ]; then weir_goes /usr/bin/weir; fi

%postun
END
    cat deploy/package/hooks.sh
    cat << 'END'
weir_gone

%files
END
    (cd "$tree" && find usr etc -type f | LC_ALL=C sort | sed -e 's|^|/|' -e 's|^/etc/|%config(noreplace) /etc/|' -e 's|^/usr/share/doc/|%doc /usr/share/doc/|')
    (cd "$tree" && find usr etc -type d -path '*weir*' | LC_ALL=C sort | sed 's|^|%dir /|')
} > "$work/weir.spec"

# zstd has nineteen levels. Nothing of this machine, hour or clone is told; nothing is stripped or compressed again.
rpmbuild -bb --quiet --target "$processor-linux" \
    -D "_topdir $work" -D '_buildhost localhost' -D 'use_source_date_epoch_as_buildtime 1' -D 'clamp_mtime_to_source_date_epoch 1' \
    -D 'debug_package %{nil}' -D '__os_install_post %{nil}' -D '_build_id_links none' -D "_binary_payload w$((2 * WEIR_COMPRESSION + 1)).zstdio" \
    -D "_rpmdir $work/out" -D '_rpmfilename weir.rpm' -D "buildroot $work/buildroot" "$work/weir.spec" > "$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
mv "$work/out/weir.rpm" "$file"
