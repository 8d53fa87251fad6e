// SPDX-License-Identifier: Apache-2.0
// Asks a server what clients ask, by one of Node's clients, and prints what came of it.
//   client.js http|fetch|http2 URL      with $LAB_PATHS it gets those alone
const crypto = require('crypto');
const http = require('http');
const http2 = require('http2');

const [kind, base] = process.argv.slice(2);
const megabyte = Buffer.from('0123456789abcdef'.repeat(65536));
const many = Object.fromEntries([...Array(250).keys()].map(i => [`x-many-${i}`, `value ${i}`]));
const steps = process.env.LAB_PATHS?.split(' ').map(path => ['GET', path, null, {}]) ?? [
  ['GET', '/show', null, {}],
  ['HEAD', '/show', null, {}],
  ['POST', '/show', Buffer.from('a=1&b=2'), { 'content-type': 'application/x-www-form-urlencoded' }],
  ['PUT', '/show', megabyte, {}],
  ['POST', '/show', [megabyte.subarray(0, 10), megabyte.subarray(10, 70000), megabyte.subarray(70000)], {}],
  ['DELETE', '/show', null, {}],
  ['GET', '/show?q="<>\\|^`{}&%0A%25', null, { 'x-quoted': 'a "b", c', 'x-latin': 'caf\xe9' }],
  ['GET', '/redirect', null, {}],
  ['GET', '/missing', null, {}],
  ['GET', '/stream', null, { range: 'bytes=1000-1999' }],
  ['GET', '/stream', null, {}],
  // The last: servers that refuse it reset the connection.
  ['GET', '/show', null, many],
];

function tell(method, path, status, headers, body, trailers) {
  console.log(`== ${method} ${path.slice(0, 60)}\n${status}\n${headers.map(pair => pair.join(': ')).join('\n')}`);
  console.log(body.length < 8192 ? body.toString('latin1') : `${body.length} ${crypto.createHash('sha256').update(body).digest('hex')}`, JSON.stringify(trailers));
}

function pairs(list) {
  return Array.from({ length: list.length / 2 }, (_, i) => [list[2 * i], list[2 * i + 1]]);
}

function collect(stream) {
  return new Promise((resolve, reject) => {
    const parts = [];
    stream.on('data', part => parts.push(part)).on('end', () => resolve(Buffer.concat(parts))).on('error', reject);
  });
}

function send(stream, body) {
  for (const part of Array.isArray(body) ? body : []) stream.write(part);
  stream.end(Array.isArray(body) ? undefined : body ?? undefined);
}

const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
async function byHttp(method, path, body, headers) {
  // The URL as it is: Node's parser would mend it.
  const url = new URL(base);
  const length = body && !Array.isArray(body) ? { 'content-length': body.length } : {};
  const request = http.request({ host: url.hostname, port: url.port, path, method, headers: { ...headers, ...length }, agent, timeout: 20000 });
  send(request, body);
  const response = await new Promise((resolve, reject) => request.on('response', resolve).on('error', reject));
  tell(method, path, `${response.statusCode} ${response.statusMessage}`, pairs(response.rawHeaders), await collect(response), response.rawTrailers);
}

async function byFetch(method, path, body, headers) {
  const stream = Array.isArray(body) ? new ReadableStream({ start(c) { body.forEach(part => c.enqueue(part)); c.close(); } }) : body;
  const response = await fetch(base + path, { method, headers, body: stream, duplex: 'half' });
  tell(method, path, `${response.status} ${response.statusText} ${response.redirected}`, [...response.headers], Buffer.from(await response.arrayBuffer()), null);
}

let session;
async function byHttp2(method, path, body, headers) {
  session ??= http2.connect(base);
  const stream = session.request({ ':method': method, ':path': path, ...headers }, { endStream: !body });
  if (body) send(stream, body);
  let trailers = null;
  stream.on('trailers', fields => { trailers = { ...fields }; });
  const answer = await new Promise((resolve, reject) => stream.on('response', resolve).on('error', reject));
  tell(method, path, answer[':status'], Object.entries(answer), await collect(stream), trailers);
}

(async () => {
  const ask = { http: byHttp, fetch: byFetch, http2: byHttp2 }[kind];
  for (const step of steps) {
    try {
      await ask(...step);
    } catch (e) {
      console.log(`== ${step[0]} ${step[1].slice(0, 60)}\n${e} ${e.cause ?? ''}`);
    }
  }
  session?.close();
  agent.destroy();
})();
