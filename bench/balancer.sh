#!/usr/bin/env bash
# Nanoseconds per packet of the load balancer's program at a device (BPF_PROG_TEST_RUN).
set -euo pipefail
cd "$(dirname "$0")/Weir.DatapathBench"
exec dotnet run -c Release -- balancer
