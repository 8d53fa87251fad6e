#!/usr/bin/env bash
# Makes out/weir: one executable with the BPF objects inside and libbpf linked in.
set -euo pipefail
cd "$(dirname "$0")"
. scripts/setup.sh

sources=(src bpf Directory.Build.props Directory.Build.targets Directory.Packages.props global.json build.sh)
if [ -x out/weir ] && [ -z "$(find "${sources[@]}" -newer out/weir -not -path '*/obj*' -not -path '*/bin*' -print -quit)" ]; then
    echo "out/weir is up to date"
    exit 0
fi
setup_build
case "$(uname -m)" in
    x86_64) rid=linux-x64 ;;
    aarch64) rid=linux-arm64 ;;
    *) echo "build.sh: $(uname -m) is not supported: x86_64 and aarch64 are" >&2; exit 1 ;;
esac
echo "building out/weir (native code: two to three minutes)"
# What analyzers say is said by the build of the solution; what native code cannot do, by the native compiler. Symbols for
# a debugger would be made and thrown away.
dotnet publish src/Weir -c Release -r "$rid" -p:NativeCode=true -p:NativeDebugSymbols=false -p:RunAnalyzers=false -o out/publish --nologo -v q
# A running agent keeps its old file.
mv -f out/publish/weir out/weir
rm -rf out/publish
touch out/weir
hand_back
ls -lh out/weir | awk '{ print $9 ": " $5 }'
