#!/usr/bin/env bash
# Prints install.sh as it is shipped: one file, with the packages' hooks in it.
#   scripts/release/installer.sh VERSION
set -euo pipefail
sed -e '/^# HOOKS$/{
r deploy/package/hooks.sh
d
}' -e "s/@VERSION@/$1/" deploy/package/install.sh
