"""knock.py tcp|udp ADDRESS PORT: what a client hears. Prints "open", "silence" or the error's name."""
import errno
import socket
import sys

SECONDS = 4


def knock(protocol, address, port):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    kind = socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM
    with socket.socket(family, kind) as client:
        client.settimeout(SECONDS)
        client.connect((address, port))
        client.send(b"knock\n")
        client.recv(1)


try:
    knock(sys.argv[1], sys.argv[2], int(sys.argv[3]))
    print("open")
except TimeoutError:
    print("silence")
except OSError as error:
    print(errno.errorcode[error.errno])
