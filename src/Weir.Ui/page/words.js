// SPDX-License-Identifier: Apache-2.0
// How things are said: times, rates, names of ends.

const two = n => String(n).padStart(2, '0');

export function clock(time, withMillis = false) {
  const at = new Date(time);
  const text = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
  return withMillis ? `${text}.${String(at.getMilliseconds()).padStart(3, '0')}` : text;
}

export function moment(time) {
  const at = new Date(time);
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  return at.toDateString() === new Date().toDateString() ? clock(time) : `${day} ${clock(time)}`;
}

/** "3 min ago". */
export function ago(time, now = Date.now()) {
  const seconds = Math.max(0, (now - new Date(time).getTime()) / 1000);
  return seconds < 5 ? 'now' : seconds < 90 ? `${Math.round(seconds)} s ago` : seconds < 5400 ? `${Math.round(seconds / 60)} min ago`
    : seconds < 129600 ? `${Math.round(seconds / 3600)} h ago` : `${Math.round(seconds / 86400)} d ago`;
}

/** "1 234". */
export const count = n => Math.round(n).toString().replace(/\B(?=(\d{3})+$)/g, '\u202f');

/** "12/s", "0.4/s". */
export const rate = n => n >= 1e4 ? `${Math.round(n / 1000)}k/s` : n >= 1000 ? `${(n / 1000).toFixed(1)}k/s` : n >= 10 ? `${Math.round(n)}/s` : n >= 0.95 ? `${n.toFixed(1).replace('.0', '')}/s` : n > 0 ? `${Math.max(0.1, n).toFixed(1)}/s` : '';

/** "8.3 ms". */
export const millis = n => n <= 0 ? '' : n >= 1000 ? `${(n / 1000).toFixed(1)} s` : n >= 10 ? `${Math.round(n)} ms` : n >= 1 ? `${n.toFixed(1)} ms` : `${Math.round(n * 1000)} µs`;

export const bytes = n => n >= 1048576 ? `${(n / 1048576).toFixed(1)} MB` : n >= 1024 ? `${(n / 1024).toFixed(1)} kB` : `${n} B`;

export const plural = (n, one, many = one + 's') => `${count(n)} ${n === 1 ? one : many}`;

/** A label without the source that nearly all have. */
export const label = text => text.startsWith('container:') ? text.slice(10) : text;

/** A container's name, else what is known of it. */
export function who(end) {
  if (!end) {
    return '?';
  }
  const short = end.labels?.find(text => text.startsWith('cidr:')) ?? end.labels?.[0];
  return end.name || (short ? label(short).replace(/^(reserved|cidr):/, '') : end.identity ? `identity ${end.identity}` : end.ip || '?');
}

export const addressOf = end => !end?.ip ? '' : end.port ? `${end.ip.includes(':') ? `[${end.ip}]` : end.ip}:${end.port}` : end.ip;

/** Whom to ask the agent for: a name, a label, an address. */
export const asked = end => end?.name ? end.name.replace(/ \(.*\)$/, '') : end?.labels?.find(text => text.startsWith('reserved:'))?.slice(9) ?? end?.ip ?? '';

/** Who opened it, and to whom. */
export const opener = flow => flow.reply ? flow.destination : flow.source;
export const target = flow => flow.reply ? flow.source : flow.destination;

/** It passed, and rules in audit would have denied it. */
export const isAudited = flow => flow.verdict === 'audited';

/** The colour of what became of it: "bad", "worry", "good". */
export const tone = flow => isDenied(flow) ? 'bad' : isAudited(flow) ? 'worry' : 'good';

/** "3 of 1 400 sent again". */
export const again = (retransmits, segments) => retransmits > 0 ? `${count(retransmits)} of ${count(segments)} sent again` : '';

export const isDenied = flow => flow.type === 'drop' || flow.verdict === 'denied';

/** "allowed", "denied", "policy denied", "403 refused". */
export function outcome(flow) {
  if (flow.http) {
    return `${flow.http.status || 'closed'} ${flow.http.verdict}`;
  }
  if (flow.type === 'tcp') {
    return flow.tcp?.end ? flow.tcp.end.replaceAll('-', ' ') : flow.tcp ? 'open' : 'ended';
  }
  return flow.drop_reason ? flow.drop_reason.replaceAll('-', ' ') : flow.verdict || 'forwarded';
}

/** "80/tcp", "GET /orders/*". */
export const what = flow => flow.http?.method ? `${flow.http.method} ${flow.http.path}` : flow.port || flow.protocol;
