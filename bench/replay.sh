#!/usr/bin/env bash
# A dry run on the record: FLOWS recorded flows of two hundred containers, over six days, judged by a policy of two hundred rules that is not
# in force. What is read, summed up and judged is what the agent does for "weir policy apply --dry-run --since"; no root, no kernel.
set -euo pipefail
cd "$(dirname "$0")/.."

FLOWS=${FLOWS:-1000000}

dotnet build bench/Weir.ScaleBench -c Release -v q --nologo
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
dotnet bench/Weir.ScaleBench/bin/Release/net10.0/Weir.ScaleBench.dll replay "$folder" "$FLOWS"
