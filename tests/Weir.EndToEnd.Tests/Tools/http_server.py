# SPDX-License-Identifier: Apache-2.0
"""A server that shows what reaches it: prints every request, byte for byte, and the client's address.

Answers 200 with the body it was sent; /slow waits before that, /close ends with the connection,
/big sends 8 MB, /early answers before the body and closes; WebSocket handshakes and CONNECT become an echo.
"""
import json
import socket
import sys
import threading
import time


def show(**what):
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


class Gone(Exception):
    pass


class Peer:
    def __init__(self, connection, address):
        self.connection, self.address, self.data = connection, address, b""

    def fill(self):
        more = self.connection.recv(65536)
        if not more:
            raise Gone
        self.data += more

    def until(self, end):
        while end not in self.data:
            self.fill()
        part, self.data = self.data.split(end, 1)
        return part + end

    def exactly(self, count):
        while len(self.data) < count:
            self.fill()
        part, self.data = self.data[:count], self.data[count:]
        return part

    def body(self, headers):
        if headers.get("transfer-encoding") == "chunked":
            raw, body = b"", b""
            while True:
                line = self.until(b"\r\n")
                raw += line
                size = int(line.split(b";")[0], 16)
                if size == 0:
                    while True:
                        line = self.until(b"\r\n")
                        raw += line
                        if line == b"\r\n":
                            return raw, body
                chunk = self.exactly(size + 2)
                raw, body = raw + chunk, body + chunk[:-2]
        body = self.exactly(int(headers.get("content-length", 0)))
        return body, body

    def echo(self):
        while True:
            if self.data:
                self.connection.sendall(self.data)
                self.data = b""
            self.fill()

    def one(self):
        head = self.until(b"\r\n\r\n")
        method, target, _ = head.split(b"\r\n")[0].decode("latin1").split(" ")
        headers = {}
        for line in head.split(b"\r\n")[1:-2]:
            name, value = line.decode("latin1").split(":", 1)
            headers[name.lower()] = value.strip()
        if target == "/early":
            show(peer=self.address, head=head.decode("latin1"), body="")
            self.connection.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            raise Gone
        if "expect" in headers:
            self.connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        raw, body = self.body(headers)
        show(peer=self.address, head=head.decode("latin1"), body=raw.decode("latin1"))
        if method == "CONNECT":
            self.connection.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
            self.echo()
        if headers.get("upgrade") == "websocket" and target != "/no-upgrade":
            self.connection.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
            self.echo()
        if target == "/slow":
            time.sleep(0.5)
        if target == "/close":
            self.connection.sendall(b"HTTP/1.1 200 OK\r\n\r\nuntil close")
            raise Gone
        if target == "/big":
            body = b"x" * 8_000_000
        answer = b"HTTP/1.1 200 OK\r\nX-Target: %s\r\nContent-Length: %d\r\n\r\n" % (target.encode(), len(body))
        self.connection.sendall(answer + (b"" if method == "HEAD" else body))
        if headers.get("connection") == "close":
            raise Gone

    def serve(self):
        try:
            while True:
                self.one()
        except Gone:
            show(peer=self.address, end="closed")
        except OSError as e:
            show(peer=self.address, end=str(e))
        self.connection.close()


def main():
    listener = socket.socket(socket.AF_INET6)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("::", int(sys.argv[1])))
    listener.listen(512)
    show(ready=True)
    while True:
        connection, address = listener.accept()
        name = address[0].replace("::ffff:", "")
        threading.Thread(target=Peer(connection, f"{name} {address[1]}").serve, daemon=True).start()


main()
