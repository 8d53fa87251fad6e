#!/bin/sh
# Installs Weir on this host, upgrades it, or takes it away.
#   sudo ./install.sh                      deb or rpm where this system has them, else plain files under /usr/local
#   sudo ./install.sh --plain              plain files in any case
#   sudo ./install.sh --from URL           fetches what it needs from a folder with a release's files, and checks it
#   sudo ./install.sh --remove [--purge]   takes it away; --purge takes state, settings and groups, too
set -eu

# HOOKS

plain=no
from=
action=install
purge=no
version=@VERSION@
while [ "$#" -gt 0 ]; do
    case "$1" in
        --plain) plain=yes ;;
        --from)
            from=${2:-}
            [ -n "$from" ] || { echo "install.sh: --from needs a URL" >&2; exit 2; }
            shift
            ;;
        --remove) action=remove ;;
        --purge) purge=yes ;;
        *)
            sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "$0"
            [ "$1" = --help ] || [ "$1" = -h ] && exit 0
            exit 2
            ;;
    esac
    shift
done
if [ "$purge" = yes ] && [ "$action" = install ]; then
    echo "install.sh: --purge goes with --remove" >&2
    exit 2
fi
if [ "$(id -u)" -ne 0 ]; then
    echo "install.sh: this needs root: run 'sudo $0'" >&2
    exit 1
fi
case "$(uname -m)" in
    x86_64) processor=x86_64 debian=amd64 ;;
    aarch64) processor=aarch64 debian=arm64 ;;
    *) echo "install.sh: Weir runs on x86_64 and aarch64, not on $(uname -m)" >&2; exit 1 ;;
esac
here=$(cd "$(dirname "$0")" && pwd)
# What was installed without a package; the unit is where an administrator's are.
list=/usr/local/share/weir/files

has() { command -v "$1" > /dev/null 2>&1; }
has_deb() { has dpkg-query && dpkg-query -W -f '${Status}' weir 2> /dev/null | grep -q '^install ok installed'; }
had_deb() { has dpkg-query && dpkg-query -W -f '${Status}' weir 2> /dev/null | grep -q 'config-files$'; }
has_rpm() { has rpm && rpm -q weir > /dev/null 2>&1; }

# Removes files that were installed without a package, and folders that are empty then.
remove_plain() {
    weir_goes /usr/local/bin/weir
    while read -r file; do
        rm -f "$file"
        rmdir -p --ignore-fail-on-non-empty "$(dirname "$file")" 2> /dev/null || true
    done < "$list"
    rm -f "$list"
    rmdir /usr/local/share/weir 2> /dev/null || true
    weir_gone
}

if [ "$action" = remove ]; then
    found=no
    if has_deb; then
        found=yes
        if [ "$purge" = yes ]; then dpkg --purge weir; else dpkg --remove weir; fi
    elif had_deb && [ "$purge" = yes ]; then
        found=yes
        dpkg --purge weir
    fi
    if has_rpm; then
        found=yes
        rpm -e weir
    fi
    if [ -e "$list" ]; then
        found=yes
        remove_plain
    fi
    if [ "$purge" = yes ]; then
        weir_purge
    elif [ "$found" = no ]; then
        echo "Weir is not installed here."
        exit 0
    fi
    if [ "$purge" = yes ]; then
        echo "Weir is removed, with its state, settings and groups."
    else
        echo "Weir is removed; /etc/weir and /var/lib/weir stay. '$0 --remove --purge' takes them away."
    fi
    exit 0
fi

# Which one is there, for what is said in the end.
before=
for weir in /usr/bin/weir /usr/local/bin/weir; do
    if [ -x "$weir" ]; then
        before=$("$weir" --version 2> /dev/null | cut -d ' ' -f 2) || true
    fi
done

# Fetches a file of the release, and compares it with the release's list.
fetch() {
    if has curl; then
        curl -fsSL -o "$work/$1" "$from/$1"
    elif has wget; then
        wget -q -O "$work/$1" "$from/$1"
    else
        echo "install.sh: --from needs curl or wget" >&2
        return 1
    fi
}

fetch_checked() {
    fetch "$1"
    (cd "$work" && grep " [ *]\{0,1\}$1\$" SHA256SUMS | sha256sum -c --quiet -) || {
        echo "install.sh: $from/$1 is not what SHA256SUMS says it is" >&2
        exit 1
    }
}

deb=weir_${version}_$debian.deb
rpm=weir-$version.$processor.rpm
archive=weir-$version-linux-$processor
kind=plain
if [ "$plain" = no ]; then
    # A distribution of rpm may have dpkg as a tool, too: the one that has itself registered counts.
    if has dpkg && dpkg-query -W dpkg > /dev/null 2>&1; then
        kind=deb
    elif has rpm && [ -n "$(rpm -qa 2> /dev/null | head -n 1)" ]; then
        kind=rpm
    fi
fi
if [ -n "$from" ]; then
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    fetch SHA256SUMS
    case "$kind" in
        deb) fetch_checked "$deb" ;;
        rpm) fetch_checked "$rpm" ;;
        plain)
            fetch_checked "$archive.tar.gz"
            tar -xzf "$work/$archive.tar.gz" -C "$work" --strip-components 1
            ;;
    esac
    here=$work
fi
# A plain installation and a package side by side would be two agents.
if [ "$kind" = plain ] && { has_deb || has_rpm; }; then
    echo "install.sh: Weir is installed as a package: upgrade that, or take it away first ('$0 --remove')" >&2
    exit 1
fi

case "$kind" in
    deb | rpm)
        if [ "$kind" = deb ]; then file=$here/$deb; else file=$here/$rpm; fi
        if [ ! -e "$file" ]; then
            echo "install.sh: there is no $file: unpack the whole archive, or say --from URL" >&2
            exit 1
        fi
        if [ -e "$list" ]; then
            echo "install.sh: Weir is installed without a package: take it away first ('$0 --remove'); networks and policy stay" >&2
            exit 1
        fi
        # No archive is asked, unless OpenSSL or another of the few things that it needs is missing.
        if [ "$kind" = rpm ]; then
            rpm -U --oldpackage --replacepkgs "$file"
        # Settings that were there first stay, and nobody is asked.
        elif ! dpkg --force-confdef --force-confold -i "$file"; then
            apt-get -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold install -y -f --no-install-recommends
        fi
        weir=/usr/bin/weir
        ;;
    plain)
        if [ ! -d "$here/files/usr" ]; then
            echo "install.sh: there is no $here/files: unpack the whole archive, or say --from URL" >&2
            exit 1
        fi
        weir=/usr/local/bin/weir
        came=upgrade
        [ -e "$list" ] || came=first
        mkdir -p "$(dirname "$list")"
        (cd "$here/files" && find usr -type f) | LC_ALL=C sort | while read -r file; do
            case "$file" in
                usr/lib/systemd/*)
                    to=/etc/systemd/system/${file#usr/lib/systemd/system/}
                    mkdir -p "$(dirname "$to")"
                    sed 's|/usr/bin/weir|/usr/local/bin/weir|' "$here/files/$file" > "$to"
                    ;;
                *)
                    to=/usr/local/${file#usr/}
                    mkdir -p "$(dirname "$to")"
                    # A running agent keeps its old file.
                    cp -p "$here/files/$file" "$to.new"
                    mv -f "$to.new" "$to"
                    ;;
            esac
            echo "$to"
        done > "$list.new"
        # What an older version had and this one has not.
        if [ -e "$list" ]; then
            grep -vxF -f "$list.new" "$list" | while read -r file; do rm -f "$file"; done || true
        fi
        mv "$list.new" "$list"
        if [ ! -e /etc/weir/agent.yaml ]; then
            mkdir -p /etc/weir
            cp -p "$here/files/etc/weir/agent.yaml" /etc/weir/agent.yaml
        fi
        weir_came "$came"
        ;;
esac

after=$("$weir" --version | cut -d ' ' -f 2)
echo
if [ -z "$before" ]; then
    echo "Weir $after is installed."
elif [ "$before" = "$after" ]; then
    echo "Weir $after is installed again."
else
    echo "Weir is upgraded: $before → $after"
fi
echo
# What is fine is no news.
if checked=$("$weir" check 2>&1); then
    echo "This kernel has all that Weir needs ('weir check')."
fi
echo "$checked" | grep -v '^ok ' || true
echo
runs=no
if "$weir" status > /dev/null 2>&1; then
    runs=yes
    echo "The agent runs. What to do next:"
else
    echo "The agent does not run. What to do next:"
    if weir_has_systemd; then
        echo "  journalctl -u weir                # why it does not"
    else
        echo "  weir agent &                      # before dockerd starts; this host has no systemd that would"
    fi
fi
cat << 'END'
  usermod -aG weir USER             # who may use weir without sudo, from the next login on
  docker network create --driver weir --ipam-driver weir app
  docker run -d --network app -l app=shop -l role=web IMAGE
  weir endpoint list                # who is there; 'man weir' lists the rest
END
[ "$runs" = yes ] || ! weir_has_systemd
