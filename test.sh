#!/usr/bin/env bash
# Runs every test: sets up what is missing, builds, and ends with "N passed, N failed, N skipped".
set -euo pipefail
cd "$(dirname "$0")"

if [ "$(id -u)" -ne 0 ]; then
    echo "test.sh: the tests load BPF programs and make network namespaces: run it as root (sudo ./test.sh)" >&2
    exit 1
fi

missing=()
command -v clang-19 clang-18 clang-17 clang-16 > /dev/null || missing+=("$(apt-cache show clang-19 > /dev/null 2>&1 && echo clang-19 llvm-19 || echo clang llvm)")
[ -e /usr/include/bpf/bpf_helpers.h ] || missing+=(libbpf-dev libelf-dev zlib1g-dev)
command -v ip > /dev/null || missing+=(iproute2)
if [ "${#missing[@]}" -gt 0 ]; then
    echo "installing ${missing[*]}"
    apt-get update -qq
    # shellcheck disable=SC2086 # package names are separated by spaces on purpose
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends ${missing[*]} > /dev/null
fi
if ! command -v dotnet > /dev/null; then
    echo "test.sh: the .NET 10 SDK is missing: install dotnet-sdk-10.0 (https://dot.net/download)" >&2
    exit 1
fi

results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT
failed_projects=0
for project in tests/*.Tests/*.csproj; do
    name=$(basename "$project" .csproj)
    echo "== $name"
    if ! dotnet test "$project" --nologo -v q --logger "trx;LogFileName=$name.trx" --results-directory "$results"; then
        [ -e "$results/$name.trx" ] || failed_projects=$((failed_projects + 1))
    fi
done

sum() {
    local total=0 value
    for value in $(cat "$results"/*.trx | grep -o "<Counters [^>]*" | grep -o " $1=\"[0-9]*\"" | grep -o '[0-9]*'); do
        total=$((total + value))
    done
    echo "$total"
}
total=$(sum total)
passed=$(sum passed)
failed=$(($(sum failed) + $(sum error) + $(sum timeout) + failed_projects))
skipped=$((total - passed - $(sum failed) - $(sum error) - $(sum timeout)))
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
