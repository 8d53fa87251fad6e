# SPDX-License-Identifier: Apache-2.0
"""Asks for a path again and again on one connection, and prints each answer's status; when the connection
ends, prints how, and opens another.

keep_alive.py HOST PORT PATH
"""
import socket
import sys
import time

host, port, path = sys.argv[1], int(sys.argv[2]), sys.argv[3]
request = f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode()


def say(text):
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


while True:
    try:
        connection = socket.create_connection((host, port), timeout=2)
        say("connected")
        while True:
            connection.sendall(request)
            data = b""
            while b"\r\n\r\n" not in data:
                more = connection.recv(65536)
                if not more:
                    raise EOFError
                data += more
            say(data.split(b" ")[1].decode())
            time.sleep(0.05)
    except EOFError:
        say("closed")
    except OSError as e:
        say(type(e).__name__)
    time.sleep(0.05)
