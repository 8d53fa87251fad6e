# SPDX-License-Identifier: Apache-2.0
"""aiohttp's server: /show, /stream, /redirect as app.js has them, and /chat, a WebSocket that says what it hears; and
websockets' server, which does the same on a port of its own.

app.py PORT WEBSOCKETS-PORT
"""
import asyncio
import hashlib
import sys

import websockets
from aiohttp import web


async def show(request):
    body = await request.read()
    lines = [f"{request.method} {request.raw_path} {request.version}"]
    lines += [f"{name.decode('latin1')}: {value.decode('latin1')}" for name, value in request.raw_headers]
    lines.append(f"body: {len(body)} {hashlib.sha256(body).hexdigest()}\n")
    return web.Response(body="\n".join(lines).encode("latin1"), content_type="text/plain")


async def stream(request):
    response = web.StreamResponse()
    response.enable_chunked_encoding()
    await response.prepare(request)
    for i in range(80):
        await response.write(bytes([i]) * 65536)
    await response.write_eof()
    return response


async def redirect(request):
    raise web.HTTPFound("/show")


async def chat(request):
    socket = web.WebSocketResponse(max_msg_size=0)
    await socket.prepare(request)
    async for message in socket:
        await (socket.send_str(message.data) if message.type == web.WSMsgType.TEXT else socket.send_bytes(message.data))
    return socket


async def chat_too(socket, path):
    async for message in socket:
        await socket.send(message)


async def main():
    app = web.Application(client_max_size=0)
    app.add_routes([web.route("*", "/show", show), web.get("/stream", stream), web.get("/redirect", redirect), web.get("/chat", chat)])
    runner = web.AppRunner(app, max_field_size=65536)
    await runner.setup()
    await web.TCPSite(runner, port=int(sys.argv[1])).start()
    async with websockets.serve(chat_too, "", int(sys.argv[2]), max_size=None):
        print("ready", flush=True)
        await asyncio.Future()


asyncio.run(main())
