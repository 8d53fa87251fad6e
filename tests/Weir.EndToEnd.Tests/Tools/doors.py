# SPDX-License-Identifier: Apache-2.0
"""Tries the ways into and out of containers.

doors.py serve                    answers: HTTP on 80/tcp, echo on 9000-9001/tcp and 5000-5001/udp, both families
doors.py try JSON PATIENCE        tries doors at once, prints {name: outcome}; all may take PATIENCE times as long
doors.py tunnel DEVICE NETNS DEVICE    joins two TUN devices, the second of another network namespace

A door is {name, protocol: tcp|udp|ping|http, address, port, path, expect}. One that shall be closed is tried
once; any other again and again, for some seconds, until the outcome is what is expected.
"""
import ctypes
import errno
import fcntl
import json
import os
import select
import socket
import struct
import sys
import threading
import time

BULK = bytes(range(256)) * 1200  # more than the largest packet, even of BIG TCP
DATAGRAMS = [b"x" * 100, b"y" * 3000]  # the second comes in fragments
CLOSED_AFTER = 1.2  # seconds
ANSWERED_WITHIN = 10
OPEN_WITHIN = 30


def tcp(door, limit, state):
    with socket.create_connection((door["address"], door["port"]), timeout=limit) as connection:
        state.append("connected")
        threading.Thread(target=send_all, args=(connection,), daemon=True).start()
        received = bytearray()
        while len(received) < len(BULK):
            data = connection.recv(1 << 20)
            if not data:
                return f"cut off after {len(received)} bytes"
            received += data
        return "open" if received == BULK else "altered"


def send_all(connection):
    try:
        connection.sendall(BULK)
    except OSError:
        pass  # the reader tells


def http(door, limit, state):
    with socket.create_connection((door["address"], door["port"]), timeout=limit) as connection:
        state.append("connected")
        connection.sendall(f"GET {door['path']} HTTP/1.1\r\nHost: door\r\nConnection: close\r\n\r\n".encode())
        head = connection.recv(65536).decode()
        return head.split(" ")[1] if head.startswith("HTTP/1.1 ") else "cut off"


def udp(door, limit, state):
    family = socket.AF_INET6 if ":" in door["address"] else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as endpoint:
        endpoint.connect((door["address"], door["port"]))
        for datagram in DATAGRAMS:
            exchange(endpoint, datagram, lambda answer, sent=datagram: answer == sent, limit)
            state.append(f"{len(datagram)} bytes came back")
    return "open"


def ping(door, limit, state):
    v6 = ":" in door["address"]
    mark = os.urandom(4)
    kind, answer = (128, 129) if v6 else (8, 0)
    message = struct.pack("!BBH4s", kind, 0, 0, mark) + b"ping"
    if not v6:  # for IPv6 the kernel does it
        total = sum(struct.unpack(f"!{len(message) // 2}H", message))
        total = (total & 0xffff) + (total >> 16)
        message = message[:2] + struct.pack("!H", ~(total + (total >> 16)) & 0xffff) + message[4:]
    family, protocol = (socket.AF_INET6, socket.IPPROTO_ICMPV6) if v6 else (socket.AF_INET, socket.IPPROTO_ICMP)
    with socket.socket(family, socket.SOCK_RAW, protocol) as endpoint:
        endpoint.connect((door["address"], 0))
        skip = 0 if v6 else 20
        exchange(endpoint, message, lambda data: data[skip] == answer and data[skip + 4:skip + 8] == mark, limit)
    return "open"


def exchange(endpoint, message, is_answer, limit):
    """Sends a message three times within the limit, until its answer comes."""
    end = time.monotonic() + limit
    while time.monotonic() < end:
        try:
            endpoint.send(message)
        except OSError as e:
            if e.errno != errno.EMSGSIZE:  # the path's MTU is known now
                raise
        again = min(end, time.monotonic() + limit / 3)
        while (left := again - time.monotonic()) > 0:
            endpoint.settimeout(left)
            try:
                if is_answer(endpoint.recv(65536)):
                    return
            except TimeoutError:
                break
    raise TimeoutError


def attempt(door, limit):
    state = []
    try:
        return {"tcp": tcp, "udp": udp, "ping": ping, "http": http}[door["protocol"]](door, limit, state)
    except TimeoutError:
        return ", then ".join([*state[-1:], "silent"])
    except OSError as e:
        return ", then ".join([*state[-1:], errno.errorcode.get(e.errno, str(e))])


def try_door(door, outcomes, patience):
    end = time.monotonic() + OPEN_WITHIN * patience
    shut = door["expect"] == "closed"
    while True:
        outcomes[door["name"]] = outcome = attempt(door, (CLOSED_AFTER if shut else ANSWERED_WITHIN) * patience)
        if shut or outcome == door["expect"] or time.monotonic() > end:
            return
        time.sleep(0.2)


def try_all(doors, patience):
    outcomes = {}
    threads = [threading.Thread(target=try_door, args=(door, outcomes, patience)) for door in doors]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps(outcomes))


def serve():
    for port in (80, 9000, 9001):
        listener = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=64) \
            if socket.has_ipv6 and has_ipv6() else socket.create_server(("", port), backlog=64)
        threading.Thread(target=accept, args=(listener, answer_http if port == 80 else echo), daemon=True).start()
    for port in (5000, 5001):
        for family, any_address in ((socket.AF_INET, ""), (socket.AF_INET6, "::")):
            if family == socket.AF_INET6 and not has_ipv6():
                continue
            endpoint = socket.socket(family, socket.SOCK_DGRAM)
            if family == socket.AF_INET6:
                endpoint.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            endpoint.bind((any_address, port))
            threading.Thread(target=echo_datagrams, args=(endpoint,), daemon=True).start()
    print("serving", flush=True)
    threading.Event().wait()


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
            probe.bind(("::1", 0))
        return True
    except OSError:
        return False


def accept(listener, serve_one):
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=serve_one, args=(connection,), daemon=True).start()


def echo(connection):
    try:
        with connection:
            while data := connection.recv(1 << 20):
                connection.sendall(data)
    except OSError:
        pass


def answer_http(connection):
    try:
        with connection:
            if connection.recv(65536):
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
    except OSError:
        pass


def echo_datagrams(endpoint):
    while True:
        data, peer = endpoint.recvfrom(65536)
        try:
            endpoint.sendto(data, peer)
        except OSError:
            pass  # too large for the path that was just learnt: asked again


def open_tun(name):
    fd = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(fd, 0x400454ca, struct.pack("16sH22x", name.encode(), 0x0001 | 0x1000))  # TUNSETIFF: IFF_TUN, IFF_NO_PI
    return fd


def tunnel(device, netns, other):
    ends = [open_tun(device)]
    with open(f"/run/netns/{netns}", encoding="ascii") as place:
        if ctypes.CDLL(None, use_errno=True).setns(place.fileno(), 0) != 0:
            raise OSError(ctypes.get_errno(), "setns")
    ends.append(open_tun(other))
    print("serving", flush=True)
    while True:
        for fd in select.select(ends, [], [])[0]:
            try:
                os.write(ends[1 - ends.index(fd)], os.read(fd, 65536))
            except OSError:
                pass  # one end is not up yet


if sys.argv[1] == "serve":
    serve()
elif sys.argv[1] == "try":
    try_all(json.loads(sys.argv[2]), int(sys.argv[3]))
else:
    tunnel(*sys.argv[2:])
