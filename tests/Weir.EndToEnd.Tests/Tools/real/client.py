# SPDX-License-Identifier: Apache-2.0
"""Asks a server what clients ask, by one of Python's clients, and prints what came of it.

client.py urllib|requests|httpx|aiohttp URL      with $LAB_PATHS it gets those alone
"""
import asyncio
import gzip
import hashlib
import os
import sys
import urllib.error
import urllib.request

MEGABYTE = b"0123456789abcdef" * 65536
MANY = {f"X-Many-{i}": f"value {i}" for i in range(250)}
PIECES = [MEGABYTE[:10], MEGABYTE[10:70000], MEGABYTE[70000:]]
STEPS = [
    ("GET", "/show", None, {}),
    ("HEAD", "/show", None, {}),
    ("POST", "/show", b"a=1&b=2", {"Content-Type": "application/x-www-form-urlencoded"}),
    ("PUT", "/show", MEGABYTE, {}),
    ("POST", "/show", PIECES, {}),
    ("POST", "/show", b"", {}),
    ("DELETE", "/show", None, {}),
    ("OPTIONS", "/show", None, {"X-Empty": "", "X-Latin": "caf\u00e9".encode().decode("latin1"), "X-Quoted": "a \"b\", c"}),
    ("GET", "/show?q=%22%3C%3E%5C&caf%C3%A9=%25%0A", None, {"Accept-Encoding": "gzip, deflate"}),
    ("GET", "/show?q=<\">|^`{}", None, {}),
    ("GET", "/redirect", None, {}),
    ("GET", "/missing", None, {}),
    ("GET", "/stream", None, {"Range": "bytes=1000-1999"}),
    ("GET", "/stream", None, {}),
    # The last: servers that refuse it reset the connection.
    ("GET", "/show", None, MANY),
]

if "LAB_PATHS" in os.environ:
    STEPS = [("GET", path, None, {}) for path in os.environ["LAB_PATHS"].split()]


def tell(method, path, status, headers, body):
    print(f"== {method} {path[:60]}\n{status}")
    print("\n".join(f"{name}: {value}" for name, value in headers))
    print(body.decode("latin1") if len(body) < 8192 else f"{len(body)} {hashlib.sha256(body).hexdigest()}")


def by_urllib(url):
    for method, path, body, headers in STEPS:
        request = urllib.request.Request(url + path, iter(body) if isinstance(body, list) else body, headers, method=method)
        try:
            answer = urllib.request.urlopen(request, timeout=20)
        except urllib.error.HTTPError as e:
            answer = e
        body = answer.read()
        if answer.headers["Content-Encoding"] == "gzip":
            body = gzip.decompress(body)
        tell(method, path, answer.status, answer.getheaders(), body)


def by_requests(url):
    import requests
    with requests.Session() as session:
        for method, path, body, headers in STEPS:
            try:
                answer = session.request(method, url + path, data=iter(body) if isinstance(body, list) else body, headers=headers, timeout=20)
            except requests.RequestException as e:
                print(f"== {method} {path[:60]}\n{type(e).__name__}")
                continue
            tell(method, path, f"{answer.status_code} {answer.reason} after {answer.history}", answer.headers.items(), answer.content)


def by_httpx(url):
    import httpx
    with httpx.Client(timeout=20, follow_redirects=True) as client:
        for method, path, body, headers in STEPS:
            answer = client.request(method, url + path, content=iter(body) if isinstance(body, list) else body, headers=headers)
            tell(method, path, f"{answer.http_version} {answer.status_code} after {answer.history}", answer.headers.multi_items(), answer.content)


async def in_pieces(pieces):
    for piece in pieces:
        yield piece


async def by_aiohttp(url):
    import aiohttp
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(20)) as session:
        for method, path, body, headers in STEPS:
            data = in_pieces(body) if isinstance(body, list) else body
            async with session.request(method, url + path, data=data, headers=headers) as answer:
                tell(method, path, f"{answer.version} {answer.status} {answer.reason}", answer.headers.items(), await answer.read())


if __name__ == "__main__":
    client = {"urllib": by_urllib, "requests": by_requests, "httpx": by_httpx, "aiohttp": lambda url: asyncio.run(by_aiohttp(url))}
    client[sys.argv[1]](sys.argv[2])
