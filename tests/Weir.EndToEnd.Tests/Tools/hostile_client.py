# SPDX-License-Identifier: Apache-2.0
"""Clients that mean no good. Says what it did, then holds what it has until it is killed.

hostile_client.py HOST PORT deaf          asks for what is refused, again and again, and takes no answer
hostile_client.py HOST PORT deaf2         likewise in HTTP/2
hostile_client.py HOST PORT heads N       N connections, each with most of a very long head
hostile_client.py HOST PORT resets N      N connections that ask and are reset at once
hostile_client.py HOST PORT slow          a head whose bytes come one a second
hostile_client.py HOST PORT fuzz SEED S   for S seconds connections with damaged requests of HTTP/1 and HTTP/2
"""
import random
import socket
import struct
import sys
import time

host, port, what = sys.argv[1], int(sys.argv[2]), sys.argv[3]
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def say(text):
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def connect():
    # A proxy with much to do lets some SYNs go unanswered; each is sent again after twice the time.
    connection = socket.create_connection((host, port), timeout=30)
    connection.settimeout(5)
    return connection


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def headers(path, method=b"GET"):
    block = b""
    for name, value in ((b":method", method), (b":scheme", b"http"), (b":path", path), (b":authority", b"a")):
        block += b"\0" + bytes([len(name)]) + name + bytes([len(value)]) + value
    return block


def push(connection, make):
    """Sends until nothing more is taken for two seconds; how much that was."""
    connection.settimeout(2)
    sent = i = 0
    try:
        while sent < 200_000_000:
            data = make(i)
            connection.sendall(data)
            sent += len(data)
            i += 1
    except socket.timeout:
        return f"stopped after {sent} bytes"
    except OSError as e:
        return f"{type(e).__name__} after {sent} bytes"
    return f"all {sent} bytes taken"


def deaf():
    connection = connect()
    say(push(connection, lambda i: b"GET /no HTTP/1.1\r\nHost: a\r\n\r\n" * 1000))
    return connection


def deaf2():
    connection = connect()
    connection.sendall(PREFACE + frame(4, 0, 0))

    def many(i):
        return b"".join(frame(1, 5, 2 * (i * 1000 + j) + 1, headers(b"/no")) for j in range(1000))

    say(push(connection, many))
    return connection


def heads(count):
    held = []
    refused = 0
    for i in range(count):
        connection = connect()
        try:
            connection.sendall(b"GET /x HTTP/1.1\r\nHost: a\r\nX: " + b"y" * 60_000)
        except OSError:
            refused += 1
        held.append(connection)
    say(f"held {count}, {refused} refused")
    return held


def resets(count):
    for i in range(count):
        connection = connect()
        connection.sendall((b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n", b"GET /big HTTP/1.1\r\nHost: a\r\n\r\n", b"GET /n", b"")[i % 4])
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
    say(f"reset {count}")


def slow():
    connection = connect()
    connection.settimeout(1)
    started = time.time()
    answer = b""
    connection.sendall(b"GET /x HTTP/1.1\r\nHost: a\r\nX: ")
    while time.time() < started + 60:
        try:
            connection.sendall(b"y")
            more = connection.recv(4096)
            answer += more
            if not more:
                break
        except socket.timeout:
            pass
        except OSError:
            break
    say(f"{answer[:12].decode()} after {round(time.time() - started)} s")


def fuzz(seed, seconds):
    chance = random.Random(seed)
    corpus = [
        b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n" * 3,
        b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhelloGET /no HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX: y\r\n\r\nGET /x HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /x HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nmore",
        b"POST /x HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhello",
        PREFACE + frame(4, 0, 0) + frame(1, 5, 1, headers(b"/x")) + frame(1, 4, 3, headers(b"/x", b"POST")) + frame(0, 1, 3, b"body"),
        PREFACE + frame(4, 0, 0, b"\0\1\0\0\x10\0\0\3\0\0\0\7") + frame(1, 4, 1, headers(b"/no", b"PUT")) + frame(0, 8, 1, b"\2bodyxx")
        + frame(8, 0, 0, b"\0\0\1\0") + frame(3, 0, 1, b"\0\0\0\0") + frame(6, 0, 0, b"12345678"),
        PREFACE + frame(4, 0, 0) + frame(1, 1, 1, headers(b"/x")[:20]) + frame(9, 4, 1, headers(b"/x")[20:]) + frame(7, 0, 0, b"\0" * 8),
    ]
    until = time.time() + seconds
    count = 0
    while time.time() < until:
        data = bytearray(chance.choice(corpus))
        for _ in range(chance.randrange(8)):
            at = chance.randrange(len(data))
            kind = chance.randrange(4)
            if kind == 0:
                data[at] = chance.randrange(256)
            elif kind == 1:
                del data[at:at + chance.randrange(1, 5)]
            elif kind == 2:
                data[at:at] = bytes(chance.randrange(256) for _ in range(chance.randrange(1, 5)))
            else:
                data[at:at] = data[at:at + chance.randrange(1, 40)]
            if not data:
                data = bytearray(b"x")
        connection = connect()
        try:
            cut = chance.randrange(len(data) + 1)
            connection.sendall(data[:cut])
            connection.sendall(data[cut:])
            connection.settimeout(0.02)
            if chance.randrange(3):
                connection.recv(65536)
        except OSError:
            pass
        if chance.randrange(2):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
        count += 1
    say(f"sent {count}")


held = globals()[what](*map(int, sys.argv[4:]))
say("done")
while held:
    time.sleep(1)
