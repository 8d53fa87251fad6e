# shellcheck shell=bash
# What benchmarks make of their figures. Sourced.

# The median of the numbers on standard input, one a line.
median() {
    sort -n | awk '{ v[NR] = $1 } END { print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'
}

# Milliseconds since some fixed moment.
milliseconds() {
    echo $(($(date +%s%N) / 1000000))
}
