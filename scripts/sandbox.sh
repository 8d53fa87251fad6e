#!/usr/bin/env bash
# Runs a command as if on a machine of its own: network, processes, mounts, /run, /var/lib and the BPF
# file system are private. Neither the host's Docker nor its network is touched, no packet can leave,
# and everything dies with the command. The end-to-end tests and the container benchmarks live here.
#   sudo scripts/sandbox.sh COMMAND [ARGUMENT]...
set -euo pipefail

if [ "${1:-}" != --inside ]; then
    exec unshare --mount --net --pid --fork --kill-child --mount-proc -- "$0" --inside "$@"
fi
shift

mount --make-rprivate /
mount -t tmpfs -o mode=0755 tmpfs /run
mount -t tmpfs -o mode=0755 tmpfs /var/lib
mount -t bpf bpf /sys/fs/bpf
mkdir -p /run/lock /run/netns
ip link set lo up
# Documentation ranges end here: what no test gives an owner is unreachable, at once.
ip route add unreachable default metric 4000
ip -6 route add unreachable default metric 4000 2> /dev/null || true
exec "$@"
