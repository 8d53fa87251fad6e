#!/usr/bin/env bash
# Builds what a run of cases.sh needs into a folder.
#   build.sh FOLDER
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../../scripts/setup.sh"
to=$1
clang=$(find_clang)
mkdir -p "$to"
flags=(-target bpf -mcpu=v3 -O2 -g -Wall -Wextra -Werror -idirafter "/usr/include/$(uname -m)-linux-gnu" -I "$here/../../bpf/include")
"$clang" "${flags[@]}" -c "$here/traffic.bpf.c" -o "$to/traffic.bpf.o"
"$clang" "${flags[@]}" -c "${XDP_SOURCE:-$here/../../bpf/xdp.bpf.c}" -o "$to/xdp.bpf.o"
cc -std=gnu11 -O2 -Wall -Wextra -Werror -static -o "$to/balancer" "$here/balancer.c" -lbpf -lelf -lz
cp "$here/cases.sh" "$to"
