#!/usr/bin/env bash
# Lays out what is installed, as a package has it: usr/bin/weir, its unit, settings, manual pages, completions, licences.
#   scripts/release/tree.sh WEIR FOLDER RUNS VERSION
# WEIR is what is installed, RUNS one of the same version that runs here: it is asked for the pages.
set -euo pipefail
weir=$1
folder=$2
runs=$3
version=$4
rm -rf "$folder"
umask 022
install -D -m 0755 "$weir" "$folder/usr/bin/weir"
install -d "$folder/usr/lib/systemd/system"
sed 's|/usr/local/bin/weir|/usr/bin/weir|' deploy/weir.service > "$folder/usr/lib/systemd/system/weir.service"
install -D -m 0644 deploy/docker.service.d/weir.conf "$folder/usr/lib/systemd/system/docker.service.d/weir.conf"
install -D -m 0644 deploy/agent.yaml "$folder/etc/weir/agent.yaml"

scripts/man-pages.sh "$runs" "$folder/usr/share/man/man1"
find "$folder/usr/share/man" -name '*.1' -exec gzip -9n {} +
install -d "$folder/usr/share/bash-completion/completions" "$folder/usr/share/zsh/site-functions" "$folder/usr/share/fish/vendor_completions.d"
"$runs" completion bash > "$folder/usr/share/bash-completion/completions/weir"
"$runs" completion zsh > "$folder/usr/share/zsh/site-functions/_weir"
"$runs" completion fish > "$folder/usr/share/fish/vendor_completions.d/weir.fish"

install -D -m 0644 CHANGELOG.md "$folder/usr/share/doc/weir/CHANGELOG.md"
install -D -m 0644 README.md "$folder/usr/share/doc/weir/README.md"
cp -r examples "$folder/usr/share/doc/weir/examples"
scripts/release/components.py "$weir.assets.json" licences > "$folder/usr/share/doc/weir/copyright"
# To remove what was installed without a package, or to purge what an rpm leaves.
install -d "$folder/usr/share/weir"
scripts/release/installer.sh "$version" > "$folder/usr/share/weir/install.sh"
chmod 0755 "$folder/usr/share/weir/install.sh"

chmod -R u=rwX,go=rX "$folder"
find "$folder" -exec touch --no-dereference -d "@$SOURCE_DATE_EPOCH" {} +
