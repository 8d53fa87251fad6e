#!/usr/bin/env bash
# Makes out/weir: one executable with the BPF objects inside and libbpf linked in.
#   ./build.sh [--version VERSION] [--for x86_64|aarch64]
# For another processor than this machine's: out/weir-aarch64, with libraries that are fetched to out/aarch64.
set -euo pipefail
cd "$(dirname "$0")"
. scripts/setup.sh

version=$(sed -n 's/.*<Version>\(.*\)<.*/\1/p' Directory.Build.props)
processor=$(uname -m)
while [ "$#" -gt 0 ]; do
    case "$1" in
        --version) version=${2:?"--version needs one, such as 1.0.0"} ;;
        --for) processor=${2:?"--for needs x86_64 or aarch64"} ;;
        *) echo "build.sh: there is no $1: ./build.sh [--version VERSION] [--for x86_64|aarch64]" >&2; exit 2 ;;
    esac
    shift 2
done
case "$processor" in
    x86_64) rid=linux-x64 ;;
    aarch64) rid=linux-arm64 ;;
    *) echo "build.sh: $processor is not supported: x86_64 and aarch64 are" >&2; exit 2 ;;
esac
out=out/weir
[ "$processor" = "$(uname -m)" ] || out=out/weir-$processor

sources=(src bpf Directory.Build.props Directory.Build.targets Directory.Packages.props global.json build.sh)
if [ -x "$out" ] && [ "$(cat "$out.version" 2> /dev/null)" = "$version" ] &&
    [ -z "$(find "${sources[@]}" -newer "$out" -not -path '*/obj*' -not -path '*/bin*' -print -quit)" ]; then
    echo "$out is up to date"
    exit 0
fi
setup_build
cross=()
if [ "$out" != out/weir ]; then
    if [ "$processor" != aarch64 ]; then
        echo "build.sh: from here, only aarch64 is compiled for" >&2
        exit 2
    fi
    setup_cross "out/$processor"
    clang=$(find_clang)
    # By src/Weir, where the linker runs: it is told the libraries' names without quotes, and a folder may have a space.
    cross=(-p:CppCompilerAndLinker="$clang" -p:LinkerFlavor=lld -p:SysRoot="$PWD/out/$processor"
        -p:WeirNativeLibraries="../../out/$processor/usr/lib/$processor-linux-gnu" -p:ObjCopyName="${clang/clang/llvm-objcopy}")
fi
echo "building $out (native code: two to three minutes)"
# What analyzers say is said by the build of the solution; what native code cannot do, by the native compiler. Symbols for
# a debugger would be made and thrown away. It is over before it pays that its own programs are compiled a second time.
DOTNET_TieredCompilation=0 dotnet publish src/Weir -c Release -r "$rid" -p:NativeCode=true -p:NativeDebugSymbols=false -p:RunAnalyzers=false -p:Version="$version" \
    "${cross[@]}" "${COMPILER[@]}" -o "out/publish-$processor" --nologo -v q
end_compiler
# A running agent keeps its old file.
mv -f "out/publish-$processor/weir" "$out"
rm -rf "out/publish-$processor"
touch "$out"
# What it is, and what is linked into it: release.sh tells.
echo "$version" > "$out.version"
cp src/Weir/obj/project.assets.json "$out.assets.json"
hand_back
ls -lh "$out" | awk '{ print $9 ": " $5 }'
