#!/usr/bin/env python3
"""Whether a TCP connection that a host forwards can be taken over in its middle by a proxy, without its ends noticing: two sockets
take the ends' places by TCP_REPAIR, at what each end has acknowledged, with the options that the handshake had. Nothing of Weir takes
part: it is why a request that is not plain need not end its connection (docs/adr/0056-the-head-is-an-automaton.md).

    sudo bench/takeover.py [MEGABYTES]
"""
import ctypes
import hashlib
import os
import select
import socket
import struct
import subprocess
import sys
import threading
import time

MEGABYTES = int(sys.argv[1]) if len(sys.argv) > 1 else 32
PORT = 80
CLONE_NEWNET = 0x40000000
TCP_REPAIR, TCP_REPAIR_QUEUE, TCP_QUEUE_SEQ, TCP_REPAIR_OPTIONS, TCP_TIMESTAMP = 19, 20, 21, 22, 24
RECEIVED, SENT = 1, 2  # queues
MSS, WINDOW_SCALE, SACK, TIMESTAMPS = 2, 3, 4, 8  # options
FIN, SYN, ACK = 1, 2, 16
moved = {}  # by the sockets between
NAMES = {role: f"weir-{role}-{os.getpid()}" for role in ("client", "between", "server")}
ADDRESSES = {
    socket.AF_INET: ("10.9.1.2", "10.9.1.1", "10.9.2.2", "10.9.2.1", 24),
    socket.AF_INET6: ("fd09:1::2", "fd09:1::1", "fd09:2::2", "fd09:2::1", 64),
}


def run(command, **options):
    return subprocess.run(command.split(), check=True, capture_output=True, text=True, **options).stdout


def inside(role, work):
    """A thread in a namespace."""
    def begin():
        with open(f"/run/netns/{NAMES[role]}") as namespace:
            if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "setns")
        work()
    thread = threading.Thread(target=begin, daemon=True)
    thread.start()
    return thread


def make_network():
    for name in NAMES.values():
        run(f"ip netns add {name}")
    for role, device in (("client", "c"), ("server", "s")):
        run(f"ip -n {NAMES['between']} link add {device} type veth peer name e netns {NAMES[role]}")
        run(f"ip -n {NAMES[role]} link set e up")
        run(f"ip -n {NAMES['between']} link set {device} up")
    for family, (client, to_client, server, to_server, bits) in ADDRESSES.items():
        number = "-4" if family == socket.AF_INET else "-6"
        for role, device, own, gateway in (("client", "c", client, to_client), ("server", "s", server, to_server)):
            nodad = "" if number == "-4" else " nodad"
            run(f"ip -n {NAMES[role]} {number} addr add {own}/{bits} dev e{nodad}")
            run(f"ip -n {NAMES['between']} {number} addr add {gateway}/{bits} dev {device}{nodad}")
            run(f"ip -n {NAMES[role]} {number} route add default via {gateway}")
    run(f"ip -n {NAMES['between']} link set lo up")
    run(f"ip netns exec {NAMES['between']} sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1")


class Seen:
    """What one end has sent, as a program on the way sees it."""
    ack = mss = scale = stamp = 0
    at = 0.0
    data = 0  # bytes of the last segment


def read_segment(frame, seen):
    family, start = (socket.AF_INET, 34) if frame[12:14] == b"\x08\0" else (socket.AF_INET6, 54)
    if frame[23 if family == socket.AF_INET else 20] != socket.IPPROTO_TCP:
        return
    tcp = frame[start:]
    offset, flags = (tcp[12] >> 4) * 4, tcp[13]
    total = struct.unpack(">H", frame[16:18])[0] - 20 if family == socket.AF_INET else struct.unpack(">H", frame[18:20])[0]
    seen.ports = struct.unpack(">HH", tcp[:4])
    seen.data = total - offset
    if flags & ACK:
        seen.ack = struct.unpack(">I", tcp[8:12])[0]
    options = tcp[20:offset]
    while options and options[0]:
        if options[0] == 1:
            options = options[1:]
            continue
        kind, value = options[0], options[2:options[1]]
        if kind == TIMESTAMPS:
            seen.stamp, seen.at = struct.unpack(">I", value[:4])[0], time.monotonic()
        elif flags & SYN and kind == MSS:
            seen.mss = struct.unpack(">H", value)[0]
        elif flags & SYN and kind == WINDOW_SCALE:
            seen.scale = value[0]
        options = options[options[1]:]


def watch(seen, ready):
    """Sees the packets that come in by the two devices."""
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    sock.setsockopt(socket.SOL_SOCKET, 33, 1 << 26)  # SO_RCVBUFFORCE
    ready.set()
    while True:
        frame, address = sock.recvfrom(200)
        if address[2] != socket.PACKET_OUTGOING and address[0] in seen and frame[12:14] in (b"\x08\0", b"\x86\xdd"):
            read_segment(frame, seen[address[0]])


def stand_in(family, own, peer, local, remote):
    """A socket in the place of one end: what it has sent is what its peer has acknowledged, what it has received what it has."""
    sock = socket.socket(family)
    sock.setsockopt(*((socket.SOL_IP, 19) if family == socket.AF_INET else (socket.IPPROTO_IPV6, 75)), 1)  # transparent
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.setsockopt(socket.SOL_TCP, TCP_REPAIR, 1)
    sock.bind(local)
    for queue, number in ((SENT, peer.ack), (RECEIVED, own.ack)):
        sock.setsockopt(socket.SOL_TCP, TCP_REPAIR_QUEUE, queue)
        sock.setsockopt(socket.SOL_TCP, TCP_QUEUE_SEQ, struct.pack("I", number))
    sock.connect(remote)
    sock.setsockopt(socket.SOL_TCP, TCP_REPAIR_OPTIONS, struct.pack(
        "8I", MSS, peer.mss, WINDOW_SCALE, peer.scale | own.scale << 16, SACK, 0, TIMESTAMPS, 0))
    elapsed = int((time.monotonic() - own.at) * 1000) + 1
    sock.setsockopt(socket.SOL_TCP, TCP_TIMESTAMP, struct.pack("I", (own.stamp + elapsed) & 0xffffffff))
    sock.setsockopt(socket.SOL_TCP, TCP_REPAIR, 0)
    return sock


def forward(one, other):
    moved["bytes"] = 0
    reading = {one: other, other: one}
    while reading:
        for sock in select.select(list(reading), [], [])[0]:
            data = sock.recv(1 << 16)
            if data:
                moved["bytes"] += len(data)
                (other if sock is one else one).sendall(data)
            else:
                reading.pop(sock).shutdown(socket.SHUT_WR)


def take_over(family, seen):
    """The way between the ends is closed already."""
    client, server = seen["c"], seen["s"]
    port = client.ports[0]
    of_client, _, of_server = ADDRESSES[family][:3]
    to_client = stand_in(family, server, client, (of_server, PORT), (of_client, port))
    to_server = stand_in(family, client, server, (of_client, port), (of_server, PORT))
    number = "-4" if family == socket.AF_INET else "-6"
    run(f"ip {number} rule add iif c ipproto tcp dport {PORT} lookup 99")
    run(f"ip {number} rule add iif s ipproto tcp sport {PORT} lookup 99")
    run(f"ip {number} route add local default dev lo table 99")
    run("nft delete table inet way")
    forward(to_client, to_server)


def close_way(which):
    run("nft -f -", input=f"table inet way {{ chain c {{\n type filter hook prerouting priority -300;\n {which}\n }}\n }}\n")


def serve(family, answer, ready):
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((ADDRESSES[family][2], PORT))
    listener.listen()
    ready.set()
    sock, _ = listener.accept()
    listener.close()
    answer(sock)
    sock.close()


def begin(family, answer, take):
    """A connection's server, and who takes it over when told."""
    ready, listening, go = threading.Event(), threading.Event(), threading.Event()
    seen = {"c": Seen(), "s": Seen()}
    inside("between", lambda: watch(seen, ready))
    inside("server", lambda: serve(family, answer, listening))
    inside("between", lambda: (go.wait(), take(seen)))
    ready.wait()
    listening.wait()
    return go


def bulk(family):
    """Both directions full, and all of it dropped for a moment."""
    size = MEGABYTES << 20
    got, result = [], []

    def echo(sock):
        digest = hashlib.sha256()
        while data := sock.recv(1 << 16):
            digest.update(data)
            sock.sendall(data)
        got.append(digest.hexdigest())

    def take(seen):
        close_way(f"tcp dport {PORT} drop\n tcp sport {PORT} drop")
        time.sleep(0.02)
        take_over(family, seen)

    go = begin(family, echo, take)

    def talk():
        sock = socket.create_connection((ADDRESSES[family][2], PORT))
        sent, back = hashlib.sha256(), hashlib.sha256()

        def read():
            while data := sock.recv(1 << 16):
                back.update(data)

        reader = threading.Thread(target=read)
        reader.start()
        for block in range(size >> 16):
            data = os.urandom(1 << 16)
            sent.update(data)
            sock.sendall(data)
            if block == size >> 18:
                go.set()
        sock.shutdown(socket.SHUT_WR)
        reader.join()
        result.append((sent.hexdigest(), back.hexdigest()))

    inside("client", talk).join(60)
    print(f"{MEGABYTES} MB there and back: {'the same bytes' if result and {*result[0]} == {*got} else 'NOT the same'}, "
          f"{moved.get('bytes', 0) >> 20} MB of it by the sockets between")


def half_a_head(family):
    """A second request whose head comes in two segments: none of the server's eyes may see the first."""
    head = b"GET /second HTTP/1.1\r\nHost: a\r\n\r\n"
    pieces, result = [], []

    def answer(sock):
        sock.setsockopt(socket.SOL_TCP, socket.TCP_NODELAY, 1)
        while data := sock.recv(1 << 16):
            pieces.append(data)
            if b"".join(pieces).endswith(b"\r\n\r\n"):
                sock.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")

    def take(seen):
        close_way(f"tcp dport {PORT} tcp flags & psh == psh drop")
        closed.set()
        while seen["c"].data != len(head) // 2:
            time.sleep(0.0005)
        take_over(family, seen)

    closed = threading.Event()
    go = begin(family, answer, take)

    def talk():
        sock = socket.create_connection((ADDRESSES[family][2], PORT))
        sock.setsockopt(socket.SOL_TCP, socket.TCP_NODELAY, 1)
        sock.sendall(head)
        sock.recv(100)
        time.sleep(0.1)
        go.set()
        closed.wait()
        began = time.monotonic()
        sock.sendall(head[:len(head) // 2])
        time.sleep(0.05)
        sock.sendall(head[len(head) // 2:])
        answered = sock.recv(100)
        result.append((time.monotonic() - began, answered))
        sock.close()

    inside("client", talk).join(20)
    right = result and result[0][1].startswith(b"HTTP/1.1 204") and b"".join(pieces) == head * 2 and moved.get("bytes", 0) > len(head)
    print(f"half a head, dropped, and its other half 50 ms later: {'answered' if right else 'NOT answered'}"
          + (f" after {result[0][0] * 1000:.0f} ms" if result else ""))


def forget(family):
    number = "-4" if family == socket.AF_INET else "-6"
    for command in (f"ip {number} rule del iif c lookup 99", f"ip {number} rule del iif s lookup 99", f"ip {number} route flush table 99"):
        run(f"ip netns exec {NAMES['between']} {command}")


try:
    make_network()
    for family, name in ((socket.AF_INET, "IPv4"), (socket.AF_INET6, "IPv6")):
        for case in (bulk, half_a_head):
            print(f"{name}: ", end="", flush=True)
            moved.clear()
            case(family)
            forget(family)
    for role in ("client", "server"):
        counts = run(f"ip netns exec {NAMES[role]} nstat -asz TcpEstabResets TcpExtPAWSEstab TcpRetransSegs")
        print(f"{role}: " + ", ".join(" ".join(line.split()[:2]) for line in counts.splitlines() if line.startswith("Tcp")))
finally:
    for name in NAMES.values():
        subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)
