#!/usr/bin/env bash
# Runs every test: sets up what is missing, builds, and ends with "N passed, N failed, N skipped".
# With arguments only those projects: ./test.sh Weir.Policy.Tests
# Two at a time runs what has namespaces of its own, beside the build of the executable in native code; then
# come the end-to-end tests, five machines at a time, with that executable. Output is one project after another.
set -euo pipefail
cd "$(dirname "$0")"
. scripts/setup.sh
. scripts/vm.sh

need_root
need_kernel
setup_build
setup_docker
setup_tests
if [ "$#" -eq 0 ] || [[ " $* " == *" Weir.EndToEnd.Tests "* ]]; then
    setup_real_clients
fi
setup_vm
vm_fetch

results=$(mktemp -d)
trap 'rm -rf "$results"; hand_back' EXIT
# What is skipped here for want of root or of a kernel's ability is a failure.
export WEIR_TESTS_REQUIRE=privileged WEIR_EXE=$PWD/out/weir results

names=("$@")
if [ "$#" -eq 0 ]; then
    # The longest first.
    names=(Weir.Kernel.Tests)
    for project in tests/*.Tests/*.csproj; do
        [ "$project" = tests/Weir.Kernel.Tests/Weir.Kernel.Tests.csproj ] || names+=("$(basename "$project" .csproj)")
    done
fi
end_to_end=
apart=()
for name in "${names[@]}"; do
    if [ "$name" = Weir.EndToEnd.Tests ]; then end_to_end=$name; else apart+=("$name"); fi
done

# Runs a project that is built, and prints what came of it in one piece.
run_project() {
    local name=$1 status=0 start=$SECONDS
    dotnet test "tests/$name/bin/Debug/net10.0/$name.dll" --nologo --results-directory "$results" \
        --logger "trx;LogFileName=$name.trx" --logger "console;verbosity=minimal" > "$results/$name.log" 2>&1 || status=$?
    echo "$status" > "$results/$name.status"
    {
        flock 9
        echo "== $name ($((SECONDS - start)) s)"
        cat "$results/$name.log"
    } 9> "$results/lock"
}
export -f run_project

echo "== build"
built=0
if [ "$#" -eq 0 ]; then
    dotnet build Weir.slnx --nologo -v q || built=$?
else
    for name in "$@"; do
        dotnet build "tests/$name" --nologo -v q || built=$?
    done
fi
if [ "$built" -ne 0 ]; then
    echo "0 passed, 1 failed, 0 skipped"
    exit 1
fi
native=
if [ -n "$end_to_end" ]; then
    ./build.sh > "$results/build.log" 2>&1 &
    native=$!
fi
if [ "${#apart[@]}" -gt 0 ]; then
    printf '%s\n' "${apart[@]}" | xargs -P 2 -I NAME bash -c 'run_project NAME'
fi
if [ -n "$native" ]; then
    if wait "$native"; then
        run_project "$end_to_end"
    else
        echo "== build.sh"
        cat "$results/build.log"
    fi
fi

# The value of one counter of a project's results.
#   counter NAME FILE
counter() {
    grep -o '<Counters [^>]*' "$2" | grep -o " $1=\"[0-9]*\"" | tr -dc '0-9'
}

passed=0 failed=0 skipped=0
for name in "${names[@]}"; do
    file=$results/$name.trx
    if [ ! -s "$file" ]; then
        # It did not start, or its host died: one failure.
        failed=$((failed + 1))
        continue
    fi
    bad=$(($(counter failed "$file") + $(counter error "$file") + $(counter timeout "$file")))
    good=$(counter passed "$file")
    skipped=$((skipped + $(counter total "$file") - good - bad))
    if [ "$(cat "$results/$name.status")" -ne 0 ] && [ "$bad" -eq 0 ]; then
        bad=1
    fi
    passed=$((passed + good))
    failed=$((failed + bad))
done
hand_back
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
