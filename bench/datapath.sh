#!/usr/bin/env bash
# Nanoseconds and instructions per packet of the endpoint program (BPF_PROG_TEST_RUN).
#   sudo bench/datapath.sh [http | WORD]     "http": of the verdict on heads of requests; else rows with that word
set -euo pipefail
cd "$(dirname "$0")/Weir.DatapathBench"
exec dotnet run -c Release -- "$@"
