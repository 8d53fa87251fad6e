#!/usr/bin/env bash
# What measuring costs a connection, by the kernel's own clock for BPF programs (kernel.bpf_stats_enabled): calls of weir_measure and
# their time, beside those of weir_from_ep in the same run. A packet costs none: the calls do not grow with bytes. Programs of this name are looked for by
# the whole machine: nothing else of Weir may run.
#   sudo bench/measure.sh
set -euo pipefail
cd "$(dirname "$0")/.."
tests=tests/Weir.Datapath.Tests
dotnet build $tests --nologo -v quiet
before=$(sysctl -n kernel.bpf_stats_enabled)
work=$(mktemp -d)
trap 'sysctl -qw kernel.bpf_stats_enabled="$before"; rm -rf "$work"' EXIT
sysctl -qw kernel.bpf_stats_enabled=1

# One row: the most that was seen of each program while the test ran.
row() {
    dotnet test $tests/bin/Debug/net10.0/Weir.Datapath.Tests.dll --nologo --filter "$2" > "$work/log" 2>&1 &
    local test=$!
    : > "$work/seen"
    while kill -0 $test 2> /dev/null; do
        bpftool prog show | awk '/name weir_(measure|from_ep) / && /run_cnt/ {
            for (i = 1; i < NF; i++) v[$i] = $(i + 1)
            print v["name"], v["run_time_ns"], v["run_cnt"] }' >> "$work/seen"
        sleep 0.1
    done
    wait $test || { cat "$work/log" >&2; return 1; }
    echo "$1"
    sort -k1,1 -k3,3n "$work/seen" | awk '{ time[$1] = $2; calls[$1] = $3 }
        END { for (name in calls) printf "    %-14s %7d calls  %9.1f us\n", name, calls[name], time[name] / 1000 }' | sort
}

row "one connection, 100 kB each way" BetweenTwoContainers
row "1000 connections, 10 bytes each way" ManyAtOnce
