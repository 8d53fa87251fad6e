// SPDX-License-Identifier: Apache-2.0
// Node's servers: app.js HTTP1-PORT HTTP2-PORT
//   /show      what was asked, as it came
//   /stream    5 MB, chunked
//   /redirect  to /show
//   /events    server-sent events; the next one only when /ack has been asked, so that nobody may hold one back
const crypto = require('crypto');
const events = require('events');
const http = require('http');
const http2 = require('http2');

const acks = new events.EventEmitter();

async function show(request, response) {
  const hash = crypto.createHash('sha256');
  let size = 0;
  for await (const part of request) {
    hash.update(part);
    size += part.length;
  }
  const lines = [`${request.method} ${request.url} HTTP/${request.httpVersion}`];
  for (let i = 0; i < request.rawHeaders.length; i += 2) lines.push(`${request.rawHeaders[i]}: ${request.rawHeaders[i + 1]}`);
  lines.push(`body: ${size} ${hash.digest('hex')}`, '');
  const body = Buffer.from(lines.join('\n'), 'latin1');
  response.writeHead(200, { 'Content-Type': 'text/plain', 'Content-Length': body.length, 'X-Odd': 'a "b" \xe9' });
  response.end(request.method === 'HEAD' ? undefined : body);
}

async function stream(response) {
  response.writeHead(200, { 'Content-Type': 'application/octet-stream' });
  for (let i = 0; i < 80; i++) {
    if (!response.write(Buffer.alloc(65536, i))) await events.once(response, 'drain');
  }
  response.end();
}

async function tell(request, response) {
  response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-cache' });
  const name = new URL(request.url, 'http://x').searchParams.get('name');
  for (let i = 0; i < 5; i++) {
    const ack = events.once(acks, name);
    response.write(`id: ${i}\ndata: event ${i}\n\n`);
    await ack;
  }
  response.end();
}

async function answer(request, response) {
  const path = request.url.split('?')[0];
  if (path === '/stream') return stream(response);
  if (path === '/events') return tell(request, response);
  if (path === '/redirect') {
    response.writeHead(302, { Location: '/show' });
    return response.end();
  }
  if (path === '/ack') {
    acks.emit(new URL(request.url, 'http://x').searchParams.get('name'));
    response.writeHead(204);
    return response.end();
  }
  if (path === '/missing') {
    response.writeHead(404, { 'Content-Type': 'text/plain' });
    return response.end('nothing here\n');
  }
  return show(request, response);
}

http.createServer({ maxHeaderSize: 131072 }, answer).setTimeout(60000).listen(+process.argv[2], () =>
  http2.createServer(answer).listen(+process.argv[3], () => console.log('ready')));
