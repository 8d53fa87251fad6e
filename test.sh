#!/usr/bin/env bash
# Runs every test: sets up what is missing, builds, and ends with "N passed, N failed, N skipped".
# With arguments only those projects: ./test.sh Weir.Policy.Tests
set -euo pipefail
cd "$(dirname "$0")"
. scripts/setup.sh

need_root
need_kernel
setup_build
setup_docker
setup_tests
setup_vm

results=$(mktemp -d)
trap 'rm -rf "$results"; hand_back' EXIT
# What is skipped here for want of root or of a kernel's ability is a failure.
export WEIR_TESTS_REQUIRE=privileged

projects=(tests/*.Tests/*.csproj)
[ "$#" -eq 0 ] || projects=("${@/#/tests/}")
if [[ " ${projects[*]} " == *Weir.EndToEnd.Tests* ]]; then
    ./build.sh
fi

# The value of one counter of a project's results.
#   counter NAME FILE
counter() {
    grep -o '<Counters [^>]*' "$2" | grep -o " $1=\"[0-9]*\"" | tr -dc '0-9'
}

passed=0 failed=0 skipped=0
for project in "${projects[@]}"; do
    name=$(basename "$project" .csproj)
    file=$results/$name.trx
    echo "== $name"
    status=0
    dotnet test "$project" --nologo --logger "trx;LogFileName=$name.trx" --results-directory "$results" || status=$?
    if [ ! -s "$file" ]; then
        # It did not build, or its host died: one failure.
        failed=$((failed + 1))
        continue
    fi
    bad=$(($(counter failed "$file") + $(counter error "$file") + $(counter timeout "$file")))
    good=$(counter passed "$file")
    skipped=$((skipped + $(counter total "$file") - good - bad))
    if [ "$status" -ne 0 ] && [ "$bad" -eq 0 ]; then
        bad=1
    fi
    passed=$((passed + good))
    failed=$((failed + bad))
done
hand_back
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
