#!/usr/bin/env bash
# Runs every test: sets up what is missing, builds, and ends with "N passed, N failed, N skipped".
set -euo pipefail
cd "$(dirname "$0")"
. scripts/setup.sh

need_root
setup_build
setup_docker

results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT
broken=0
for project in tests/*.Tests/*.csproj; do
    name=$(basename "$project" .csproj)
    echo "== $name"
    # A project that does not build leaves no results: it counts as one failure.
    if ! dotnet test "$project" --nologo -v q --logger "trx;LogFileName=$name.trx" --results-directory "$results"; then
        [ -e "$results/$name.trx" ] || broken=$((broken + 1))
    fi
done

# Adds up one counter over all projects.
count() {
    grep -ho '<Counters [^>]*' "$results"/*.trx | grep -o " $1=\"[0-9]*\"" | grep -o '[0-9]*' | awk '{ n += $1 } END { print n + 0 }'
}
total=$(count total)
passed=$(count passed)
failed=$(($(count failed) + $(count error) + $(count timeout)))
skipped=$((total - passed - failed))
echo "$passed passed, $((failed + broken)) failed, $skipped skipped"
[ "$((failed + broken))" -eq 0 ] && [ "$passed" -gt 0 ]
