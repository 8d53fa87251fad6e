# SPDX-License-Identifier: Apache-2.0
"""Runs commands in another machine: scripts/vm-host.sh.

remote.py serve NETNS PORT              there: listens in a network namespace, runs commands outside of it
remote.py run PORT FOLDER COMMAND...    here: as if the command ran here; it dies with this process

A connection is one command: first a line of JSON, then pieces of {kind, length, bytes}. From here "i" is input, empty at
its end; from there "o" and "e" are output, "x" is the exit code.
"""
import ctypes
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading

HEAD = struct.Struct("!cI")


def send(connection, lock, kind, data):
    with lock:
        connection.sendall(HEAD.pack(kind, len(data)) + data)


def pieces(stream):
    while len(head := stream.read(HEAD.size)) == HEAD.size:
        kind, length = HEAD.unpack(head)
        yield kind, stream.read(length)


def enter(netns):
    with open(netns, encoding="ascii") as place:
        if ctypes.CDLL(None, use_errno=True).setns(place.fileno(), 0) != 0:
            raise OSError(ctypes.get_errno(), f"setns {netns}")


def serve(netns, port):
    enter(f"/run/netns/{netns}")
    listener = socket.create_server(("0.0.0.0", int(port)), backlog=64)
    enter("/proc/1/ns/net")
    print("serving", flush=True)
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=run_for, args=(connection,), daemon=True).start()


def run_for(connection):
    with connection, connection.makefile("rb") as stream:
        request = json.loads(stream.readline())
        lock = threading.Lock()
        try:
            process = subprocess.Popen(request["command"], cwd=request["folder"], stdin=subprocess.PIPE,
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
        except OSError as e:
            send(connection, lock, b"e", f"{request['command'][0]}: {e}\n".encode())
            send(connection, lock, b"x", b"127")
            return
        threading.Thread(target=give, args=(stream, process), daemon=True).start()
        outputs = [threading.Thread(target=take, args=(connection, lock, kind, output), daemon=True)
                   for kind, output in ((b"o", process.stdout), (b"e", process.stderr))]
        for output in outputs:
            output.start()
        code = process.wait()
        for output in outputs:
            output.join(1)  # whom it leaves behind may hold it for longer
        try:
            send(connection, lock, b"x", str(code if code >= 0 else 128 - code).encode())
            connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # whoever asked is gone


def give(stream, process):
    try:
        for _, data in pieces(stream):
            if data:
                process.stdin.write(data)
                process.stdin.flush()
            else:
                process.stdin.close()
    except OSError:
        pass  # it reads no more
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)


def take(connection, lock, kind, output):
    try:
        while data := os.read(output.fileno(), 65536):
            send(connection, lock, kind, data)
    except OSError:
        pass


def run(port, folder, *command):
    connection = socket.create_connection(("127.0.0.1", int(port)))
    connection.sendall(json.dumps({"command": command, "folder": folder}).encode() + b"\n")
    threading.Thread(target=feed, args=(connection,), daemon=True).start()
    with connection.makefile("rb") as stream:
        for kind, data in pieces(stream):
            if kind == b"x":
                os._exit(int(data))  # whatever the reader of the input waits for
            os.write(1 if kind == b"o" else 2, data)
    sys.exit("remote.py: the machine is gone")


def feed(connection):
    lock = threading.Lock()
    try:
        while data := os.read(0, 65536):
            send(connection, lock, b"i", data)
        send(connection, lock, b"i", b"")
    except OSError:
        pass


if sys.argv[1] == "serve":
    serve(*sys.argv[2:])
else:
    run(*sys.argv[2:])
