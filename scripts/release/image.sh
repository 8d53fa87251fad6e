#!/usr/bin/env bash
# Makes an image of one layer, from nothing: the executable, the C library it is linked to, OpenSSL and iptables. As an archive that
# `docker load` takes, by the format of docker save and by OCI's; no registry and no daemon is asked.
#   scripts/release/image.sh WEIR VERSION PROCESSOR LIBRARIES FILE
# LIBRARIES is the root that libraries and iptables are taken from: / for this machine's processor.
set -euo pipefail
weir=$1
version=$2
processor=$3
from=${4%/}
file=$5
case "$processor" in
    x86_64) architecture=amd64 ;;
    aarch64) architecture=arm64 ;;
esac
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
umask 022
root=$work/root
mkdir -p "$root"/{usr/bin,usr/lib,tmp,run,var/lib,etc/weir}
chmod 1777 "$root/tmp"
ln -s ../run "$root/var/run"
ln -s usr/lib "$root/lib"
ln -s usr/lib "$root/lib64"
ln -s usr/bin "$root/bin"
ln -s usr/bin "$root/sbin"

# Where a library lies in the root they come from.
library() {
    local folder
    for folder in "usr/lib/$processor-linux-gnu" "lib/$processor-linux-gnu" usr/lib64 lib64 usr/lib lib; do
        if [ -e "$from/$folder/$1" ]; then
            echo "$from/$folder/$1"
            return
        fi
    done
    echo "image.sh: there is no $1 for $processor in ${from:-/}" >&2
    return 1
}

# Copies what a program is linked to, and what that is linked to. Links are followed: one file a name.
libraries_of() {
    local name
    readelf -d "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | while read -r name; do
        [ ! -e "$root/usr/lib/$name" ] || continue
        install -m 0755 "$(library "$name")" "$root/usr/lib/$name"
        libraries_of "$root/usr/lib/$name"
    done
}

# The loader, by the name that is in the program.
loader_of() {
    local name
    name=$(readelf -l "$1" | sed -n 's/.*program interpreter: \(.*\)\]/\1/p')
    [ -e "$root/usr/lib/$(basename "$name")" ] || install -m 0755 "$(library "$(basename "$name")")" "$root/usr/lib/$(basename "$name")"
}

install -m 0755 "$weir" "$root/usr/bin/weir"
libraries_of "$root/usr/bin/weir"
loader_of "$root/usr/bin/weir"
# .NET looks for it by name, for keys of its own and whatever TLS is spoken.
install -m 0755 "$(library libssl.so.3)" "$root/usr/lib/libssl.so.3"
libraries_of "$root/usr/lib/libssl.so.3"
# Masquerading; its extensions it looks for where the system it is from has them.
for sbin in usr/sbin sbin; do
    if [ -e "$from/$sbin/xtables-nft-multi" ]; then
        install -m 0755 "$from/$sbin/xtables-nft-multi" "$root/usr/bin/xtables-nft-multi"
    fi
done
for name in iptables ip6tables iptables-save ip6tables-save iptables-restore ip6tables-restore; do
    ln -s xtables-nft-multi "$root/usr/bin/$name"
done
libraries_of "$root/usr/bin/xtables-nft-multi"
extensions=usr/lib/$processor-linux-gnu/xtables
mkdir -p "$root/$extensions"
# What Weir's own rules say.
for name in libxt_standard.so libxt_mark.so libxt_MASQUERADE.so libipt_MASQUERADE.so libip6t_MASQUERADE.so; do
    if [ -e "$from/$extensions/$name" ]; then
        install -m 0644 "$from/$extensions/$name" "$root/$extensions/$name"
    fi
done
echo 'root:x:0:0:root:/:/bin/weir' > "$root/etc/passwd"
printf 'root:x:0:\nweir:x:990:\nweir-read:x:991:\n' > "$root/etc/group"

# The same bytes for the same files.
pack() {
    tar --sort=name --format=ustar --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" -C "$1" -c .
}

oci=$work/oci
blobs=$oci/blobs/sha256
mkdir -p "$blobs"
# Puts a file among the blobs, and says by which name.
blob() {
    local digest
    digest=$(sha256sum "$1" | cut -d ' ' -f 1)
    mv "$1" "$blobs/$digest"
    echo "$digest"
}
size() { stat -c %s "$blobs/$1"; }

pack "$root" > "$work/layer"
layer=$(blob "$work/layer")
created=$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y-%m-%dT%H:%M:%SZ)
cat > "$work/config" << END
{"created":"$created","architecture":"$architecture","os":"linux","config":{"Env":["PATH=/usr/bin"],"Entrypoint":["/usr/bin/weir"],"Cmd":["--help"],"Labels":{"org.opencontainers.image.title":"weir","org.opencontainers.image.version":"$version","org.opencontainers.image.licenses":"Apache-2.0 AND GPL-2.0-only"}},"rootfs":{"type":"layers","diff_ids":["sha256:$layer"]},"history":[{"created":"$created","created_by":"release.sh $version"}]}
END
config=$(blob "$work/config")
cat > "$work/manifest" << END
{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:$config","size":$(size "$config")},"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"sha256:$layer","size":$(size "$layer")}]}
END
manifest=$(blob "$work/manifest")
echo '{"imageLayoutVersion":"1.0.0"}' > "$oci/oci-layout"
cat > "$oci/index.json" << END
{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:$manifest","size":$(size "$manifest"),"annotations":{"io.containerd.image.name":"docker.io/library/weir:$version","org.opencontainers.image.ref.name":"$version"},"platform":{"architecture":"$architecture","os":"linux"}}]}
END
cat > "$oci/manifest.json" << END
[{"Config":"blobs/sha256/$config","RepoTags":["weir:$version"],"Layers":["blobs/sha256/$layer"]}]
END
pack "$oci" | gzip "-${WEIR_COMPRESSION}n" > "$file"
