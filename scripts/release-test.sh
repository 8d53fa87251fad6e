#!/usr/bin/env bash
# Looks at what release.sh made, which takes longer than a test may: on a fresh Debian made by debootstrap it is installed, upgraded
# and removed (no systemd runs there: files, groups and links are looked at; ReleaseTests have one that runs), and the other
# processor's executable runs under emulation. With --twice: the same commit is built again in another folder and compared.
#   sudo scripts/release-test.sh [--twice] [SUITE]      bookworm if not told
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/setup.sh
need_root
twice=no
if [ "${1:-}" = --twice ]; then
    twice=yes
    shift
fi
suite=${1:-bookworm}
release=$PWD/out/release
version=$(cat out/weir.version)
own=$(uname -m)
work=$(mktemp -d)
trap 'umount "$work/root/proc" 2> /dev/null || true; rm -rf --one-file-system "$work"' EXIT
missing=()
command -v debootstrap > /dev/null || missing+=(debootstrap)
command -v qemu-aarch64-static > /dev/null || missing+=(qemu-user-static)
without_services install_packages "${missing[@]}"

ok() { echo "ok  $*"; }

(cd "$release" && sha256sum --quiet -c SHA256SUMS)
ok "SHA256SUMS"
for file in "$release"/*.deb; do
    [ "$(stat -c %s "$file")" -le 12000000 ] || { echo "$file is larger than 12 MB" >&2; exit 1; }
done
ok "each deb has 12 MB at most"

if [ "$twice" = yes ]; then
    git clone -q --shared . "$work/elsewhere/clone"
    git -C "$work/elsewhere/clone" -c advice.detachedHead=false checkout -q "$(git rev-parse HEAD)"
    (cd "$work/elsewhere/clone" && ./release.sh "$version" "$own" > /dev/null)
    (cd "$work/elsewhere/clone/out/release" && for file in weir*; do cmp "$file" "$release/$file"; done)
    ok "built again in another folder: the same bytes"
fi

debootstrap --variant=minbase --include=systemd "$suite" "$work/root" > "$work/log" 2>&1 || { tail -5 "$work/log" >&2; exit 1; }
mount -t proc proc "$work/root/proc"
inside() { chroot "$work/root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 bash -euc "$1"; }
# What of Weir is there, beside the logs of who installed it.
traces() { inside "find / -xdev -iname '*weir*' -not -path '/proc/*' -not -path '/install/*'; grep -h weir /etc/group /etc/gshadow || true"; }
archive=weir-$version-linux-$own
mkdir "$work/root/install"
tar -xzf "$release/$archive.tar.gz" -C "$work/root/install"
for flags in "" --plain; do
    [ -z "$(traces)" ] || { traces >&2; exit 1; }
    # It ends with the agent, which nobody starts here.
    inside "/install/$archive/install.sh $flags" > "$work/log"
    grep -q "Weir $version is installed\." "$work/log"
    inside "weir --version; getent group weir weir-read; test -L /etc/systemd/system/multi-user.target.wants/weir.service" > /dev/null
    inside "weir policy test /install/$archive/files/usr/share/doc/weir/examples" > /dev/null
    inside "/install/$archive/install.sh $flags" | grep -q "installed again"
    inside "/install/$archive/install.sh --remove" > /dev/null
    inside "test ! -e /usr/bin/weir -a ! -e /usr/local/bin/weir -a -e /etc/weir/agent.yaml"
    inside "/install/$archive/install.sh $flags; /install/$archive/install.sh --remove --purge" > /dev/null
    [ -z "$(traces)" ] || { traces >&2; exit 1; }
    ok "$suite: install.sh $flags: installed, installed again, removed, purged without a trace"
done

if [ -x out/weir-aarch64 ] && [ "$own" != aarch64 ]; then
    emulated() { qemu-aarch64-static -L "$PWD/out/aarch64" out/weir-aarch64 "$@"; }
    [ "$(emulated --version)" = "weir $version" ]
    # It calls itself as its file is called.
    diff <(emulated policy apply --help | sed 's/weir-aarch64/weir/') <(out/weir policy apply --help)
    emulated policy test examples
    ok "aarch64, emulated: --version, --help, policy test"
fi
