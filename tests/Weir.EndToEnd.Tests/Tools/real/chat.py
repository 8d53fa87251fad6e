# SPDX-License-Identifier: Apache-2.0
"""Speaks to a WebSocket that says what it hears, or follows events, by one of Python's clients.

chat.py websockets|aiohttp URL      chat.py events URL
"""
import asyncio
import hashlib
import sys
import urllib.request

MESSAGES = ["", "caf\u00e9", b"\x00\xff" * 70, "x" * 65536, bytes(range(256)) * 4000]


def tell(message):
    data = message.encode() if isinstance(message, str) else message
    print(type(message).__name__, len(data), hashlib.sha256(data).hexdigest())


async def by_websockets(url):
    import websockets
    async with websockets.connect(url, max_size=None, close_timeout=5) as socket:
        print(sorted((k, v) for k, v in socket.response_headers.raw_items() if k.lower() != "sec-websocket-accept"))
        for message in MESSAGES:
            await socket.send(message)
            tell(await asyncio.wait_for(socket.recv(), 10))
        await asyncio.wait_for(await socket.ping(), 10)
        await socket.close(4000, "done")
        print(socket.close_code, socket.close_reason)


async def by_aiohttp(url):
    import aiohttp
    async with aiohttp.ClientSession() as session, session.ws_connect(url, compress=15, max_msg_size=0) as socket:
        for message in MESSAGES:
            await (socket.send_str(message) if isinstance(message, str) else socket.send_bytes(message))
            tell((await socket.receive(10)).data)
        await socket.close(code=4000)
        print(socket.close_code, socket.compress)


def by_events(url):
    """Each event is told before the next may come: nobody holds one back."""
    for i in range(3):
        name = f"{hash(url) & 0xffffff}-{i}"
        with urllib.request.urlopen(f"{url}/events?name={name}", timeout=10) as answer:
            print(answer.status, answer.getheaders())
            for line in answer:
                print(line.decode().rstrip())
                if line.startswith(b"data:"):
                    urllib.request.urlopen(f"{url}/ack?name={name}", timeout=10).close()


kind, url = sys.argv[1:]
if kind == "events":
    by_events(url)
else:
    asyncio.run(by_websockets(url) if kind == "websockets" else by_aiohttp(url))
