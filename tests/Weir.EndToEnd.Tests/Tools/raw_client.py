# SPDX-License-Identifier: Apache-2.0
"""Sends what comes on standard input and prints what comes back, and how the connection ended.

raw_client.py HOST PORT [PORT-OF-ITS-OWN|0] [bytes per write|0] [half|open]
A line "@pause S" in the input waits; "half" says after the last byte that no more is sent.
"""
import re
import socket
import sys
import time

host, port = sys.argv[1], int(sys.argv[2])
own, piece = (int(a) for a in (sys.argv[3:5] + ["0", "0"])[:2])
half = sys.argv[5:] == ["half"]
data = sys.stdin.buffer.read()
connection = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
connection.settimeout(8)
if own:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    connection.bind(("", own))
end = "timeout"
received = b""
try:
    connection.connect((host, port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for i, part in enumerate(re.split(rb"@pause ([0-9.]+)\n", data)):
        if i % 2:
            connection.settimeout(float(part))
            try:
                while True:
                    more = connection.recv(65536)
                    received += more
                    if not more:
                        break
            except socket.timeout:
                pass
            connection.settimeout(8)
            continue
        step = piece or len(part) or 1
        for at in range(0, len(part), step):
            connection.sendall(part[at:at + step])
            if piece:
                time.sleep(0.001)
    if half:
        connection.shutdown(socket.SHUT_WR)
    connection.settimeout(2)
    while True:
        more = connection.recv(65536)
        if not more:
            end = "closed"
            break
        received += more
except socket.timeout:
    pass
except OSError as e:
    end = type(e).__name__
text = received.decode("latin1")
print(text if len(text) < 20000 else f"{text[:300]}...{len(text)} bytes")
print(f"[{end}]")
