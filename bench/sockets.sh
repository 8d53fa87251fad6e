#!/usr/bin/env bash
# What the socket hook costs a connection: nanoseconds to make, connect and close a UDP socket.
#   sudo bench/sockets.sh
set -euo pipefail
cd "$(dirname "$0")/.."
dotnet build bench/Weir.DatapathBench -c Release --nologo -v quiet
exec scripts/sandbox.sh dotnet bench/Weir.DatapathBench/bin/Release/net10.0/Weir.DatapathBench.dll sockets
