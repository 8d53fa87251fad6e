# SPDX-License-Identifier: Apache-2.0
"""One container's floods, each for some seconds, and what others see of them.

flood_client.py flood KIND HOST PORT SECONDS     floods, from three connections or very many; says how often it connected
flood_client.py ask HOST PORT SECONDS            asks, on new connections and a kept one, until time is up or standard
                                                 input ends; says how many answers came, how many did not, and how late (ms)
flood_client.py serve PORT                       answers everything, quietly
flood_client.py kinds                            the names of the floods, a line each
"""
import os
import select
import socket
import struct
import sys
import threading
import time

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
GET = b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n"
REFUSED = b"GET /no HTTP/1.1\r\nHost: a\r\n\r\n"


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def fields(path=b"/x", method=b"GET", more=b""):
    block = b""
    for name, value in ((b":method", method), (b":scheme", b"http"), (b":path", path), (b":authority", b"a")):
        block += b"\0" + bytes([len(name)]) + name + bytes([len(value)]) + value
    return block + more


HELLO = PREFACE + frame(4, 0, 0)
LONG = b"\x40\x01x\x7f\xa1\x1e" + b"v" * 4000  # kept in the table: one byte stands for it from then on


def repeat(piece, hello=HELLO):
    """The same frames without end."""
    many = piece * (65536 // len(piece) + 1)

    def make():
        yield hello
        while True:
            yield many
    return make


def streams(make_one):
    """Frames of one new stream after the other."""
    def make():
        yield HELLO
        for first in range(1, 2_000_000, 2000):
            yield b"".join(make_one(stream) for stream in range(first, first + 2000, 2))
    return make


def hold(piece, dribble=b""):
    """Says something on very many connections and keeps them, maybe with a byte now and then."""
    def run(connect, until, counted, count):
        held = []
        while time.time() < until:
            if len(held) < count:
                connection = connect()
                try:
                    connection.sendall(piece)
                except OSError:
                    pass
                held.append(connection)
                counted[0] += 1
            else:
                for connection in held if dribble else ():
                    try:
                        connection.send(dribble)
                    except OSError:
                        pass
                time.sleep(0.2)
    return run


def churn(piece, how):
    """Connects, says something and leaves, again and again."""
    def run(connect, until, counted, count):
        while time.time() < until:
            connection = connect()
            counted[0] += 1
            try:
                connection.sendall(piece)
                if how == "reset":
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                else:
                    connection.recv(4096)
            except OSError:
                pass
            connection.close()
    return run


def half_open(connect, until, counted, count):
    held = []
    while time.time() < until and len(held) < count:
        connection = connect()
        counted[0] += 1
        connection.sendall(GET[:-4])
        connection.shutdown(socket.SHUT_WR)
        held.append(connection)
    time.sleep(max(0, until - time.time()))


def push(make, reads):
    """Sends as fast as it is taken, on a few connections; a new one when one is ended."""
    def one(connect, until, counted):
        while time.time() < until:
            connection = connect()
            counted[0] += 1
            connection.setblocking(False)
            try:
                for data in make():
                    rest = memoryview(data)
                    while rest and time.time() < until:
                        ready = select.select([connection] if reads else [], [connection], [], 0.2)
                        if ready[0] and not connection.recv(262144):
                            raise ConnectionResetError
                        if ready[1]:
                            rest = rest[connection.send(rest):]
                    if time.time() >= until:
                        break
            except OSError:
                pass
            connection.close()

    def run(connect, until, counted, count):
        threads = [threading.Thread(target=one, args=(connect, until, counted)) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return run


def upgrade(protocol):
    return GET[:-2] + b"Connection: Upgrade\r\nUpgrade: " + protocol + b"\r\n\r\n"


CHUNKED = b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
OPEN = HELLO + frame(1, 4, 1, fields(method=b"POST"))
UPPER = b"\0\x01X\x01x"
# HTTP/1 at PORT, HTTP/2 at the port behind it.
KINDS = {
    "pipelined requests": (0, push(repeat(GET, b""), True)),
    "pipelined requests whose answers nobody takes": (0, push(repeat(GET.replace(b"/x", b"/big"), b""), False)),
    "refused requests": (0, push(repeat(REFUSED, b""), True)),
    "refused requests whose answers nobody takes": (0, push(repeat(REFUSED, b""), False)),
    "slow heads": (0, hold(GET[:-4], b"y")),
    "huge heads": (0, hold(GET[:-2] + b"X: " + b"y" * 60_000)),
    "chunks of a byte": (0, push(repeat(b"1\r\nx\r\n", CHUNKED), False)),
    "many connections": (0, hold(b"")),
    "new connections": (0, churn(GET, "close")),
    "connections that are reset": (0, churn(GET, "reset")),
    "upgrades to websocket": (0, churn(upgrade(b"websocket"), "close")),
    "upgrades to HTTP/2": (0, churn(upgrade(b"h2c"), "close")),
    "half-open connections": (0, half_open),
    "long answers that nobody takes": (0, hold(GET.replace(b"/x", b"/big"))),
    "ping": (1, push(repeat(frame(6, 0, 0, b"12345678")), False)),
    "empty settings": (1, push(repeat(frame(4, 0, 0)), False)),
    "credit": (1, push(repeat(frame(8, 0, 0, b"\0\0\0\1")), False)),
    "empty data": (1, push(repeat(frame(0, 0, 1), OPEN), False)),
    "priority": (1, push(repeat(frame(2, 0, 1, b"\0\0\0\0\x0f"), OPEN), False)),
    "continuation": (1, push(repeat(frame(9, 0, 1), HELLO + frame(1, 1, 1, fields())), False)),
    "rapid reset": (1, push(streams(lambda i: frame(1, 5, i, fields()) + frame(3, 0, i, b"\0\0\0\x08")), True)),
    "streams that end badly": (1, push(streams(lambda i: frame(1, 4, i, fields(method=b"POST")) + frame(8, 0, i, b"\0\0\0\0")), True)),
    "malformed requests": (1, push(streams(lambda i: frame(1, 5, i, fields(more=UPPER))), True)),
    "requests over HTTP/2 that are refused": (1, push(streams(lambda i: frame(1, 5, i, fields(b"/no"))), True)),
    "headers that unfold": (1, push(streams(lambda i: frame(1, 5, i, fields(more=LONG if i == 1 else b"\xbe" * 12))), False)),
    "header blocks without end": (1, hold(HELLO + frame(1, 1, 1, b"y" * 1000) + frame(9, 0, 1, b"y" * 1000) * 60)),
    "full tables": (1, hold(HELLO + frame(1, 5, 1, fields(more=b"".join(b"\x40\x02" + bytes([97 + i // 26, 97 + i % 26]) + b"\x00" for i in range(120)))))),
}


def flood(kind, host, port, seconds):
    offset, run = KINDS[kind]
    until = time.time() + float(seconds)
    counted = [0]

    def end():
        print(f"done: {counted[0]} connections", flush=True)
        os._exit(0)  # all at once, as a container that is killed

    def connect():
        while True:
            try:
                return socket.create_connection((host, int(port) + offset), timeout=2)
            except OSError:
                if time.time() > until:
                    end()

    run(connect, until, counted, 2000)
    end()


def answer(connection, data=b""):
    while b"\r\n\r\n" not in data:
        more = connection.recv(65536)
        if not more:
            raise OSError("closed")
        data += more
    return data


def ask(host, port, seconds):
    until = time.time() + float(seconds)
    times, failures, kept, i = [], [], None, 0
    while time.time() < until:
        started = time.time()
        try:
            connection = kept if i % 2 and kept else socket.create_connection((host, int(port)), timeout=10)
            connection.settimeout(10)
            connection.sendall(GET)
            if b" 200 " not in answer(connection):
                raise OSError("not 200")
            if i % 2:
                kept = connection
            else:
                connection.close()
        except OSError as e:
            failures.append(f"{e} after {time.time() - started:.1f} s")
            kept = None
        times.append(time.time() - started)
        i += 1
        time.sleep(0.01)
    times.sort()
    print(f"asked {len(times)}, failed {len(failures)}, p50 {times[len(times) // 2] * 1000:.1f}, p99 {times[len(times) * 99 // 100] * 1000:.1f}, "
          f"worst {times[-1] * 1000:.1f} {'; '.join(failures[:3])}", flush=True)


def serve(port):
    """Enough of HTTP/1 to keep clients going; one thread."""
    listener = socket.create_server(("", int(port)), backlog=4096)
    listener.setblocking(False)
    poll = select.epoll()
    poll.register(listener, select.EPOLLIN)
    open_ones = {}
    big = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 1_000_000
    print("ready", flush=True)
    while True:
        for number, events in poll.poll():
            if number == listener.fileno():
                try:
                    connection, _ = listener.accept()
                    connection.setblocking(False)
                    open_ones[connection.fileno()] = [connection, b"", b""]
                    poll.register(connection, select.EPOLLIN)
                except OSError:
                    pass
                continue
            state = open_ones[number]
            try:
                if events & ~select.EPOLLOUT:
                    data = state[0].recv(65536)
                    if not data:
                        raise OSError
                    state[1] += data
                    while b"\r\n\r\n" in state[1]:
                        head, _, state[1] = state[1].partition(b"\r\n\r\n")
                        if head.startswith(b"GET") and len(state[2]) < 4_000_000:
                            state[2] += big if b"/big" in head else b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
                    state[1] = state[1][-4096:]
                if state[2]:
                    state[2] = state[2][state[0].send(state[2]):]
            except BlockingIOError:
                pass
            except OSError:
                poll.unregister(state[0])
                state[0].close()
                del open_ones[number]
                continue
            poll.modify(state[0], select.EPOLLOUT if state[2] else select.EPOLLIN)


if sys.argv[1] == "kinds":
    print("\n".join(KINDS))
else:
    {"flood": flood, "ask": ask, "serve": serve}[sys.argv[1]](*sys.argv[2:])
