#!/usr/bin/env bash
# Packs an executable that is built: deb, rpm, image, archive and SBOM, the same bytes for the same executable and commit.
#   scripts/release/pack.sh WEIR VERSION PROCESSOR LIBRARIES FOLDER
# LIBRARIES is the root that the image's libraries are from. SOURCE_DATE_EPOCH is the time of everything, WEIR_COMPRESSION how
# hard it is compressed: 1 to 9, what a release has.
set -euo pipefail
weir=$1
version=$2
processor=$3
libraries=$4
folder=$5
: "${SOURCE_DATE_EPOCH:?is the time that the files have}"
WEIR_COMPRESSION=${WEIR_COMPRESSION:-9}
export SOURCE_DATE_EPOCH WEIR_COMPRESSION LC_ALL=C TZ=UTC
case "$processor" in
    x86_64) debian=amd64 ;;
    aarch64) debian=arm64 ;;
esac
# The one that runs here is asked for its manual pages: out/weir, of the same version.
runs=$weir
[ "$processor" = "$(uname -m)" ] || runs=out/weir
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$folder"

scripts/release/tree.sh "$weir" "$work/tree" "$runs" "$version"
scripts/release/deb.sh "$work/tree" "$version" "$processor" "$folder/weir_${version}_$debian.deb"
scripts/release/rpm.sh "$work/tree" "$version" "$processor" "$folder/weir-$version.$processor.rpm"
scripts/release/image.sh "$weir" "$version" "$processor" "$libraries" "$folder/weir-$version-image-$processor.tar.gz"
scripts/release/components.py "$weir.assets.json" sbom "$version" "$processor" > "$folder/weir-$version-linux-$processor.cdx.json"

# The archive has what this system may take, whatever it is: install.sh chooses.
archive=weir-$version-linux-$processor
mkdir "$work/$archive"
mv "$work/tree" "$work/$archive/files"
cp "$folder/weir_${version}_$debian.deb" "$folder/weir-$version.$processor.rpm" "$work/$archive/"
cp "$work/$archive/files/usr/share/weir/install.sh" "$work/$archive/install.sh"
chmod 0755 "$work/$archive/install.sh"
cp README.md CHANGELOG.md LICENSE "$work/$archive/"
chmod 0644 "$work/$archive"/{README.md,CHANGELOG.md,LICENSE,*.deb,*.rpm}
tar --sort=name --format=ustar --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" -C "$work" -c "$archive" |
    gzip "-${WEIR_COMPRESSION}n" > "$folder/$archive.tar.gz"
