#!/usr/bin/env bash
# Makes a release into out/release: for each processor an archive with install.sh, a deb, an rpm, an image and an SBOM, and
# SHA256SUMS of all. Built twice from one commit on one system, the same bytes.
#   ./release.sh VERSION [PROCESSOR...]       ./release.sh 1.0.0        ./release.sh 1.0.0 x86_64
set -euo pipefail
cd "$(dirname "$0")"
. scripts/setup.sh

version=${1:-}
if ! [[ "$version" =~ ^[0-9]+\.[0-9]+\.[0-9]+(-[0-9a-z.]+)?$ ]]; then
    echo "release.sh: './release.sh VERSION', such as 1.0.0 or 1.1.0-rc.1" >&2
    exit 2
fi
shift
# This machine's own first: it is asked for the manual pages of all.
own=$(uname -m)
processors=("$@")
[ "$#" -gt 0 ] || processors=("$own" $([ "$own" = aarch64 ] || echo aarch64))
if [ -z "${SOURCE_DATE_EPOCH:-}" ]; then
    SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
    [ -z "$(git status --porcelain --untracked-files=no)" ] || echo "release.sh: warning: there are changes that no commit has" >&2
fi
export SOURCE_DATE_EPOCH

setup_release
rm -rf out/release
./build.sh --version "$version"
for processor in "${processors[@]}"; do
    weir=out/weir
    libraries=/
    if [ "$processor" != "$own" ]; then
        ./build.sh --version "$version" --for "$processor"
        weir=out/weir-$processor
        libraries=out/$processor
    fi
    scripts/release/pack.sh "$weir" "$version" "$processor" "$libraries" out/release
done
(cd out/release && sha256sum -- * > SHA256SUMS)
hand_back
ls -lh out/release | awk 'NR > 1 { print $9 ": " $5 }'
