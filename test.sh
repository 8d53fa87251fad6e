#!/usr/bin/env bash
# Runs every test: sets up what is missing, builds, and ends with "N passed, N failed, N skipped".
# With arguments only those projects: ./test.sh Weir.Policy.Tests
# The end-to-end tests, which wait much, run with the executable in native code as soon as it is built; all others, one
# project at a time, take what that build and they leave of the processors. Output is one project after another.
set -euo pipefail
cd "$(dirname "$0")"
# The machine's own programs: a python3 of whose shell this is may be a script that costs more than what it runs.
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:$PATH
. scripts/setup.sh
. scripts/vm.sh

need_root
need_kernel
setup_build
setup_docker
setup_tests
setup_release
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
    dotnet test "tests/$name/bin/Release/net10.0/$name.dll" --nologo --results-directory "$results" \
        --logger "trx;LogFileName=$name.trx" --logger "console;verbosity=minimal" > "$results/$name.log" 2>&1 || status=$?
    echo "$status" > "$results/$name.status"
    {
        flock 9
        echo "== $name ($((SECONDS - start)) s)"
        cat "$results/$name.log"
    } 9> "$results/lock"
}
export -f run_project

# Optimized, as build.sh needs it: what comes to be native code is compiled once. A build is over before it pays that
# its own programs are compiled a second time, better.
echo "== build"
built=0
if [ "$#" -eq 0 ]; then
    DOTNET_TieredCompilation=0 dotnet build Weir.slnx -c Release --nologo -v q "${COMPILER[@]}" || built=$?
else
    for name in "$@"; do
        DOTNET_TieredCompilation=0 dotnet build "tests/$name" -c Release --nologo -v q "${COMPILER[@]}" || built=$?
    done
fi
end_compiler
if [ "$built" -ne 0 ]; then
    echo "0 passed, 1 failed, 0 skipped"
    exit 1
fi
if [ "${#apart[@]}" -gt 0 ]; then
    printf '%s\n' "${apart[@]}" | nice -n 2 xargs -P 1 -I NAME bash -c 'run_project NAME' &
fi
if [ -n "$end_to_end" ]; then
    if ./build.sh > "$results/build.log" 2>&1; then
        run_project "$end_to_end"
    else
        echo "== build.sh"
        cat "$results/build.log"
    fi
fi
wait

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
