# SPDX-License-Identifier: Apache-2.0
"""A server with answers that are odd and do no harm: /NAME of ANSWERS. What ends with END ends the connection, too.

odd.py PORT      odd.py paths [NAME]... prints all names but those
"""
import gzip
import socket
import sys
import threading

END = b"<end>"
OK = b"HTTP/1.1 200 OK\r\n"
HELLO = b"5\r\nhello\r\n0\r\n\r\n"
ZIPPED = gzip.compress(b"hello zipped", mtime=0)
ANSWERS = {
    "chunked-twice": OK + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n" + HELLO,
    "length-and-chunked": OK + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n" + HELLO,
    "length-twice": OK + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
    "length-list": OK + b"Content-Length: 5, 5\r\n\r\nhello",
    "length-zeros": OK + b"Content-Length: 00005\r\n\r\nhello",
    "gzip-chunked": OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(ZIPPED), ZIPPED),
    "encoded": OK + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s" % (len(ZIPPED), ZIPPED),
    "identity": OK + b"Transfer-Encoding: identity\r\nContent-Length: 5\r\n\r\nhello" + END,
    "identity-open": OK + b"Transfer-Encoding: identity\r\n\r\nhello" + END,
    "case": OK + b"transfer-encoding: Chunked\r\n\r\n" + HELLO,
    "extension": OK + b"Transfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0;c=\"d\"\r\n\r\n",
    "extension-blank": OK + b"Transfer-Encoding: chunked\r\n\r\n5 ; a=b\r\nhello\r\n0\r\n\r\n",
    "size": OK + b"Transfer-Encoding: chunked\r\n\r\n0000A\r\n0123456789\r\n00000\r\n\r\n",
    "trailers": OK + b"Trailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n",
    "open": OK + b"\r\nhello until the end" + END,
    "close": OK + b"Connection: close\r\nContent-Length: 5\r\n\r\nhello" + END,
    "old": b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nhello" + END,
    "old-length": b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello" + END,
    "old-alive": b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\nhello",
    "no-reason": b"HTTP/1.1 200 \r\nContent-Length: 5\r\n\r\nhello",
    "no-blank": b"HTTP/1.1 200\r\nContent-Length: 5\r\n\r\nhello",
    "reason": b"HTTP/1.1 200 caf\xe9 \"x\" ; y\r\nContent-Length: 5\r\n\r\nhello",
    "status-299": b"HTTP/1.1 299 Odd\r\nContent-Length: 5\r\n\r\nhello",
    "status-599": b"HTTP/1.1 599 Odd\r\nContent-Length: 5\r\n\r\nhello",
    "nothing": b"HTTP/1.1 204 No Content\r\n\r\n",
    "nothing-length": b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n",
    "not-modified": b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\nETag: \"a\"\r\n\r\n",
    "zero": OK + b"Content-Length: 0\r\n\r\n",
    "hints": b"HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n" + OK + b"Content-Length: 5\r\n\r\nhello",
    "continue": b"HTTP/1.1 100 Continue\r\n\r\n" + OK + b"Content-Length: 5\r\n\r\nhello",
    "processing": b"HTTP/1.1 102 Processing\r\n\r\n" * 3 + OK + b"Content-Length: 5\r\n\r\nhello",
    "folded": OK + b"X-Folded: a\r\n b\r\nContent-Length: 5\r\n\r\nhello",
    "lf": b"HTTP/1.1 200 OK\nContent-Length: 5\n\nhello",
    "latin": OK + b"X-Latin: caf\xe9\r\nX-Utf8: caf\xc3\xa9\r\nContent-Length: 5\r\n\r\nhello",
    "blanks": OK + b"X-Blank:  \t a \t \r\nX-None:\r\nContent-Length:5  \r\n\r\nhello",
    "many": OK + b"".join(b"X-Many-%d: %d\r\n" % (i, i) for i in range(95)) + b"Content-Length: 5\r\n\r\nhello",
    "large": OK + b"X-Large: " + b"x" * 7000 + b"\r\nContent-Length: 5\r\n\r\nhello",
    "cookies": OK + b"Set-Cookie: a=1; Path=/\r\nSet-Cookie: b=2, 3\r\nset-cookie: c=\"4\"\r\nContent-Length: 5\r\n\r\nhello",
    "connection": OK + b"Connection: keep-alive, x-other\r\nX-Other: 1\r\nKeep-Alive: timeout=60\r\nContent-Length: 5\r\n\r\nhello",
    "upgrade": OK + b"Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 5\r\n\r\nhello",
    "short": OK + b"Content-Length: 10\r\n\r\nhello" + END,
    "short-chunked": OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n" + END,
    "none": END,
}


def serve(connection):
    data = b""
    # Some clients wait for more, or for the end: they get it.
    connection.settimeout(2)
    try:
        while True:
            while b"\r\n\r\n" not in data:
                more = connection.recv(65536)
                if not more:
                    return
                data += more
            head, data = data.split(b"\r\n\r\n", 1)
            answer = ANSWERS[head.split(b" ")[1].decode().strip("/")]
            connection.sendall(answer.removesuffix(END))
            if answer.endswith(END):
                return
    except OSError:
        pass
    finally:
        connection.close()


if sys.argv[1] == "paths":
    print(" ".join(f"/{name}" for name in ANSWERS if name not in sys.argv))
else:
    listener = socket.create_server(("", int(sys.argv[1])))
    print("ready", flush=True)
    while True:
        threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
