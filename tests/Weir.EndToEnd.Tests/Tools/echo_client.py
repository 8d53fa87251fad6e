# SPDX-License-Identifier: Apache-2.0
"""Sends a line every 50 ms on one connection and prints how many came back; prints "ended" when the connection
is over or nothing came back for three seconds.

echo_client.py HOST PORT
"""
import socket
import sys
import time


def say(text):
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


try:
    connection = socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=3)
    count = 0
    while True:
        connection.sendall(b".\n")
        if not connection.recv(65536):
            raise EOFError("closed")
        count += 1
        say(count)
        time.sleep(0.05)
except (OSError, EOFError) as e:
    say(f"ended: {type(e).__name__} {e}")
