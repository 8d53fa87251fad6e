#!/usr/bin/env bash
# Nanoseconds and instructions per packet of the endpoint program (BPF_PROG_TEST_RUN).
set -euo pipefail
cd "$(dirname "$0")/Weir.DatapathBench"
exec dotnet run -c Release --nologo
