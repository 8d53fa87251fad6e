# SPDX-License-Identifier: Apache-2.0
"""Uses connections without a pause, several kinds of them at once, and says which came to nothing.

load.py KIND:HOST:PORT...       new-http, kept-http: asks for /x;  new-echo, kept-echo: sends a byte that comes back

Prints "KIND" for every ten that were answered, and "lost KIND: why" for each that was not.
"""
import socket
import sys
import threading
import time

# What is answered late on a busy machine is not lost: longer than any step of an upgrade takes there.
PATIENCE = 60
REQUEST = b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n"
_printing = threading.Lock()


def say(text):
    with _printing:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()


def ask(connection):
    connection.sendall(REQUEST)
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(65536)
        if not more:
            raise EOFError("closed")
        data += more
    if not data.startswith(b"HTTP/1.1 200"):
        raise ValueError(data.split(b"\r\n")[0].decode())


def echo(connection):
    connection.sendall(b".")
    if connection.recv(1) != b".":
        raise EOFError("closed")


def use(kind, target):
    """Kept connections are opened once: one that ends is lost, and opened again."""
    exchange = ask if kind.endswith("http") else echo
    connection = None
    answered = 0
    while True:
        step = "in its opening"
        try:
            connection = connection or socket.create_connection(target, timeout=PATIENCE)
            step = f"in an exchange, port {connection.getsockname()[1]}"
            exchange(connection)
            answered += 1
            if answered % 10 == 0:
                say(kind)
        except (OSError, EOFError, ValueError) as e:
            say(f"lost {kind}: {step}: {type(e).__name__} {e}")
            if connection:
                connection.close()
            connection = None
        if connection and kind.startswith("new"):
            connection.close()
            connection = None
        time.sleep(0.02)


for argument in sys.argv[1:]:
    kind, host, port = argument.rsplit(":", 2)
    threading.Thread(target=use, args=(kind, (host, int(port))), daemon=True).start()
threading.Event().wait()
