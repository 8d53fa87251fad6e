#!/usr/bin/env bash
# Runs a command as if on a machine of its own: network, processes, mounts, /run, /var/lib, the BPF file
# system and the tree of cgroup2 are private. Neither the host's Docker nor its network is touched, no packet
# can leave, what is attached to the root of cgroup2 meets nobody outside, and everything dies with the
# command. The end-to-end tests and the container benchmarks live here.
#   sudo scripts/sandbox.sh COMMAND [ARGUMENT]...
#   sudo scripts/sandbox.sh --enter PID COMMAND [ARGUMENT]...     in the sandbox of that process
#   sudo scripts/sandbox.sh --group PID                           says the folder of that process's control group
set -euo pipefail

# Where cgroup2 is mounted with the root that this process sees.
cgroup2() {
    awk '{ for (i = 7; i < NF; i++) if ($i == "-" && $(i + 1) == "cgroup2" && $4 == "/") at = $5 }
        END { if (at == "") exit 1; print at }' /proc/self/mountinfo || {
        echo "sandbox.sh: no cgroup2 is mounted; mount -t cgroup2 cgroup2 FOLDER" >&2
        return 1
    }
}

# Removes the sandbox's tree of cgroup2 when whoever holds the other end of standard input is gone, however
# that came about. Its processes are dying then.
remove_group() {
    cat
    for _ in $(seq 100); do
        find "$1" -depth -type d -exec rmdir {} + && break
        sleep 0.1
    done
}

group_of() { echo "$(cgroup2)$(sed -n 's/^0:://p' "/proc/$1/cgroup")"; }

case "${1:-}" in
    --group)
        group_of "$2"
        exit
        ;;
    --enter)
        pid=$2
        shift 2
        # The group before the namespace: from inside, no way leads in.
        echo 0 > "$(group_of "$pid")/cgroup.procs"
        exec nsenter -t "$pid" --mount --net --pid --cgroup -- "$@"
        ;;
    --remove)
        trap '' HUP INT TERM
        remove_group "$2" > /dev/null 2>&1
        exit
        ;;
    --namespace)
        group=$2
        shift 2
        exec 9>&-
        mount --make-rprivate /
        echo 0 > "$group/cgroup.procs"
        exec unshare --cgroup -- "$0" --inside "$(dirname "$group")" "$@"
        ;;
    --inside) ;;
    *)
        group=$(mktemp -d "$(cgroup2)/weir-sandbox-$$.XXXX")
        # Held open until this process ends, which takes all others along. The remover is nobody's child: the
        # sandbox is the only one of this process.
        pipe=$(mktemp -u)
        mkfifo "$pipe"
        (setsid "$0" --remove "$group" < "$pipe" &)
        exec 9> "$pipe"
        rm "$pipe"
        exec unshare --mount --net --pid --fork --kill-child --mount-proc -- "$0" --namespace "$group" "$@"
        ;;
esac

# In place of the host's: here the root is the sandbox's own group.
cgroups=$2
shift 2
umount -l "$cgroups"
mount -t cgroup2 cgroup2 "$cgroups"
# A group that has processes gives its children no controllers.
mkdir "$cgroups/init"
echo 0 > "$cgroups/init/cgroup.procs"
for controller in $(cat "$cgroups/cgroup.controllers"); do
    echo "+$controller" > "$cgroups/cgroup.subtree_control" || true
done 2> /dev/null

mount -t tmpfs -o mode=0755 tmpfs /run
mount -t tmpfs -o mode=0755 tmpfs /var/lib
mount -t bpf bpf /sys/fs/bpf
mkdir -p /run/lock /run/netns
ip link set lo up
# Documentation ranges end here: what no test gives an owner is unreachable, at once.
ip route add unreachable default metric 4000
ip -6 route add unreachable default metric 4000 2> /dev/null || true
exec "$@"
