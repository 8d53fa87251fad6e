#!/usr/bin/env bash
# Makes the documentation's site: out/site/index.html. A link that leads nowhere is told with its file and line.
#   scripts/docs.sh [FOLDER]
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/setup.sh
setup_dotnet
dotnet run --project tools/Weir.Site -c Release -v quiet -- . "${1:-out/site}"
