#!/usr/bin/env bash
# Makes a Weir whose maps have other layouts than this one's, as a later version has: fields more in flows, policy, services, settings.
# What is not touched by that is taken as it is built, so that it takes a minute.
#   scripts/other-version.sh FOLDER [CONFIGURATION]      FOLDER/weir/weir
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/setup.sh
folder=$1
configuration=${2:-Debug}
built=src/Weir/bin/$configuration/net10.0
[ -x "$built/weir" ] || { echo "other-version.sh: build src/Weir first ($configuration)" >&2; exit 1; }
mkdir -p "$folder/docs/reference"
cp -a src bpf tools Directory.Build.props Directory.Build.targets Directory.Packages.props global.json .editorconfig "$folder/"

# Puts a field before another one, which is there once.
#   field HEADER BEFORE NEW
field() {
    local header=$folder/bpf/abi/$1
    [ "$(grep -c "^	$2" "$header")" = 1 ] || { echo "other-version.sh: $1 has not once: $2" >&2; exit 1; }
    sed -i "s|^	$2|	$3;\n&|" "$header"
}
field conntrack.h '__u64 created_ns;' '__u64 zone'
field policy.h '__u32 rule_id; /\* deciding' '__u32 order'
field service.h '__u64 connects; /\* by' '__u64 errors'
field config.h '__u32 revision; /\* raised' '__u32 features'

cd "$folder"
trap end_compiler EXIT
# As in test.sh: a build is over before it pays that its own programs are compiled better.
export DOTNET_TieredCompilation=0
flags=(-c "$configuration" --nologo -v q -p:RunAnalyzersDuringBuild=false -p:EnforceCodeStyleInBuild=false "${COMPILER[@]}")
dotnet build tools/Weir.AbiGen "${flags[@]}"
"tools/Weir.AbiGen/bin/$configuration/net10.0/Weir.AbiGen"
dotnet build src/Weir.Datapath "${flags[@]}"
cp -a "$built" weir
cp "src/Weir.Datapath/bin/$configuration/net10.0/Weir.Datapath.dll" weir/
