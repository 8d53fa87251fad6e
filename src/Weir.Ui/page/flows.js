// SPDX-License-Identifier: Apache-2.0
// Live flows and those on record, with the filter in the address: the options of "weir monitor" and "weir flows".

import { ask, listen } from './agent.js';
import { copyButton, fill, h, say } from './dom.js';
import { addressOf, again, asked, bytes, clock, count, isAudited, isDenied, label, millis, moment, opener, outcome, plural, target, tone, what, who } from './words.js';
import { suggestFor } from './suggest.js';

const TYPES = [['drop', 'drops'], ['verdict', 'verdicts'], ['l7', 'requests'], ['tcp', 'connections'], ['trace', 'packets']];
const VERDICTS = [['', 'any'], ['allowed', 'allowed'], ['denied', 'denied'], ['audited', 'audited']];
const MOST = 400;
const ENDS = ['from', 'to', 'related-to'];

export function showFlows(element, query, go) {
  const past = query.has('since') || query.has('until');
  let paused = false;
  let waiting = [];
  let rows = 0;
  let lost = 0;
  let skipped = 0;

  // ---- the filter

  const field = (name, text, props = {}) => h('label.field', h('span', text), h('input', { name, value: query.getAll(name).join(' '), autocomplete: 'off', spellcheck: 'false', autocapitalize: 'off', ...props }));
  const form = h('form.bar.filter', { role: 'search', 'aria-label': 'Filter', onsubmit: e => {
    e.preventDefault();
    apply();
  } },
    h('fieldset', h('legend.sr', 'Types'), TYPES.map(([value, text]) => h('label.chip', h('input', { type: 'checkbox', name: 'type', value, checked: query.getAll('type').includes(value), disabled: past && value === 'trace', onchange: () => apply() }), text))),
    field('from', 'from', { placeholder: 'anybody', 'data-filter': true }), field('to', 'to', { placeholder: 'anybody' }), field('related-to', 'from or to', { placeholder: 'anybody' }),
    field('port', 'port', { placeholder: 'any', inputmode: 'numeric', class: 'short' }),
    h('label.field', h('span', 'verdict'), h('select', { name: 'verdict', onchange: () => apply() }, VERDICTS.map(([value, text]) => h('option', { value, selected: (query.get('verdict') ?? '') === value }, text)))),
    field('since', 'since', { placeholder: 'live', class: 'short', title: 'How long ago, such as 1h or 7d, or a time: 03:12' }), field('until', 'until', { placeholder: 'now', class: 'short' }),
    h('button.primary', { type: 'submit' }, 'Apply'),
    query.size ? h('a.button', { href: '/flows', 'data-view': true }, 'Clear') : null);

  function apply() {
    const asks = new URLSearchParams();
    for (const [name, value] of new FormData(form)) {
      // Several ends are one after another, as options are.
      for (const word of ENDS.includes(name) || name === 'port' ? value.trim().split(/\s+/) : [value.trim()]) {
        if (word) {
          asks.append(name, word);
        }
      }
    }
    go(`/flows${asks.size ? '?' + asks : ''}`);
  }

  const withMore = (name, value) => {
    const asks = new URLSearchParams(query);
    asks.set(name, value);
    return `/flows?${asks}`;
  };

  // ---- the table

  const body = h('tbody');
  const note = h('p.note', { role: 'status', hidden: true });
  const told = h('span.counts', '');
  const pause = h('button', { type: 'button', 'aria-pressed': 'false', 'data-pause': true, title: 'Pause (P)', onclick: () => {
    paused = !paused;
    pause.setAttribute('aria-pressed', String(paused));
    pause.textContent = paused ? 'Go on' : 'Pause';
    say(paused ? 'Paused' : 'Going on');
    flush();
    tell();
  } }, 'Pause');
  const empty = h('p.empty', past ? 'Looking.' : 'Waiting for the next flow.');
  fill(element, h('h1.sr', 'Flows'), form,
    h('div.bar.thin', past ? null : pause, told, h('span.grow'),
      h('button.narrow', { type: 'button', 'aria-expanded': 'false', onclick: e => {
        const isOpen = form.toggleAttribute('data-open');
        e.currentTarget.setAttribute('aria-expanded', String(isOpen));
      } }, query.size ? 'Filter ●' : 'Filter'),
      past ? h('a.button', { href: without('since', 'until'), 'data-view': true }, 'Live') : h('a.button', { href: withMore('since', '1h'), 'data-view': true }, 'Past hour')), note,
    h('div.scroll.flows', { tabindex: '0', role: 'region', 'aria-label': 'Flows, newest first' },
      h('table.cards', h('caption.sr', 'Flows, newest first; a row opens what is known of it'),
        h('thead', h('tr', ['Time', 'From', 'To', 'What', 'Outcome', 'Why'].map(text => h('th', { scope: 'col' }, text)))), body), empty));

  function without(...names) {
    const asks = new URLSearchParams(query);
    names.forEach(name => asks.delete(name));
    return `/flows${asks.size ? '?' + asks : ''}`;
  }

  function end(flowEnd, name) {
    if (!flowEnd) {
      return '?';
    }
    return h('a.end', { href: withMore(name, asked(flowEnd)), 'data-view': true, title: `${addressOf(flowEnd)}: only ${name} it` }, who(flowEnd));
  }

  function row(recorded) {
    const flow = recorded.flow;
    const denied = isDenied(flow);
    const why = flow.explanation || (flow.rule ? `${flow.rule.name} at ${flow.rule.file}:${flow.rule.line}` : flow.drop_reason_text);
    const more = h('button.more', { type: 'button', 'aria-expanded': 'false', onclick: () => open(line, more, recorded) }, why || 'more');
    const line = h('tr', { class: denied ? 'denied' : isAudited(flow) ? 'audited' : flow.type === 'trace' ? 'trace' : null },
      h('td.time', { 'data-label': 'Time' }, past ? moment(recorded.last ?? flow.time) : clock(flow.time, true), recorded.count > 1 ? h('small', `${count(recorded.count)} times`) : null),
      h('td', { 'data-label': 'From' }, end(opener(flow), 'from')),
      h('td', { 'data-label': 'To' }, end(target(flow), 'to'), flow.service?.name ? h('small', `service ${flow.service.name}`) : null),
      h('td.what', { 'data-label': 'What' }, what(flow), flow.reply ? h('small', 'reply') : null),
      h('td', { 'data-label': 'Outcome' }, h(`span.tag.${tone(flow)}`, outcome(flow)), flow.http?.latency_ms ? h('small', millis(flow.http.latency_ms)) : null, flow.tcp?.round_trip_ms ? h('small', `round trip ${millis(flow.tcp.round_trip_ms)}`) : null),
      h('td.why', { 'data-label': 'Why' }, more));
    return line;
  }

  function open(line, button, recorded) {
    const isOpen = line.nextElementSibling?.classList.contains('detail');
    button.setAttribute('aria-expanded', String(!isOpen));
    if (isOpen) {
      line.nextElementSibling.remove();
      return;
    }
    line.after(h('tr.detail', h('td', { colspan: '6' }, detail(recorded))));
  }

  const flush = () => {
    if (waiting.length === 0 || paused && rows > 0) {
      return;
    }
    const take = waiting.slice(-MOST).reverse();
    waiting = [];
    body.prepend(...take.map(row));
    rows = body.children.length;
    while (body.children.length > MOST) {
      body.lastElementChild.remove();
    }
    empty.hidden = true;
    tell();
  };

  function tell() {
    told.textContent = [
      past ? '' : paused ? `paused${waiting.length ? `, ${plural(waiting.length, 'flow')} since` : ''}` : 'live',
      lost ? `${count(lost)} lost` : '', skipped ? `${count(skipped)} more than can be shown` : '',
    ].filter(Boolean).join(' · ');
  }

  const showNote = text => {
    note.hidden = !text;
    note.textContent = text ?? '';
  };

  if (past) {
    const stop = new AbortController();
    ask('flows', query, { signal: stop.signal }).then(answer => {
      waiting = answer.flows;
      flush();
      empty.hidden = answer.flows.length > 0;
      empty.textContent = 'Nothing of this is on record. By default only what is denied is written down: "record: all" in /etc/weir/agent.yaml writes down the rest.';
      told.textContent = `${plural(answer.all, 'entry', 'entries')} on record${answer.all > Math.min(answer.flows.length, MOST) ? `, the newest ${Math.min(answer.flows.length, MOST)} shown` : ''}`;
      showNote(answer.notes.join('; '));
    }, problem => {
      if (!stop.signal.aborted) {
        empty.textContent = problem.message;
        empty.setAttribute('role', 'alert');
      }
    });
    return () => stop.abort();
  }

  let frame = 0;
  const stop = listen('monitor', [...query, ['last', '200']], line => {
    if (line.flow) {
      waiting.push({ flow: line.flow, raw: line.raw, count: 1 });
      if (waiting.length > MOST * 2) {
        waiting = waiting.slice(-MOST);
      }
      frame ||= setTimeout(() => {
        frame = 0;
        flush();
        paused && tell();
      }, 120);
    } else if (line.lost || line.skipped) {
      lost += line.lost ?? 0;
      skipped += line.skipped ?? 0;
      tell();
    } else if (line.note || line.problem) {
      showNote(line.note ?? line.problem);
    } else if (line.away) {
      showNote(line.away);
    } else if (line.here && note.textContent) {
      showNote('');
    }
  }, problem => {
    if (problem) {
      rows ? showNote(problem) : empty.textContent = problem;
    } else {
      tell();
    }
  }, { again: () => [...query] });
  return () => {
    stop();
    clearTimeout(frame);
  };
}

/** What a connection's sockets measured; null: nothing. */
function measured(recorded) {
  const tcp = recorded.flow.tcp;
  if (!tcp) {
    return recorded.segments ? [bytes(recorded.bytes), again(recorded.retransmits, recorded.segments), recorded.resets ? plural(recorded.resets, 'reset') : '', recorded.failed ? `${count(recorded.failed)} failed` : ''].filter(Boolean).join(', ') : null;
  }
  return [`${bytes(tcp.sent)} out, ${bytes(tcp.received)} back in ${millis(tcp.seconds * 1000) || 'no time'}`, tcp.handshake_ms ? `handshake ${millis(tcp.handshake_ms)}` : '', tcp.round_trip_ms ? `round trip ${millis(tcp.round_trip_ms)}` : '', again(tcp.retransmits, tcp.segments), tcp.proxied ? 'to the proxy and no further' : ''].filter(Boolean).join(', ');
}

/** All that is known of a flow. */
export function detail(recorded) {
  const flow = recorded.flow;
  const [from, to] = [opener(flow), target(flow)];
  const facts = [
    ['When', recorded.count > 1 ? `${moment(flow.time)} to ${moment(recorded.last)}, ${count(recorded.count)} times` : moment(flow.time)],
    ['From', from && `${who(from)} ${addressOf(from)}`, from?.labels], ['To', to && `${who(to)} ${addressOf(to)}`, to?.labels],
    ['Judged', flow.endpoint_name ? `${flow.direction} at ${flow.endpoint_name}` : flow.direction],
    ['Reason', flow.drop_reason_text], ['Why', flow.explanation],
    ['Rule', flow.rule && `${flow.rule.name} at ${flow.rule.file}:${flow.rule.line}`],
    ['Request', flow.http && `${flow.http.method} ${flow.http.path} ${flow.http.protocol}${flow.http.host ? `, host ${flow.http.host}` : ''}`],
    ['Answer', flow.http && [flow.http.status || 'closed', flow.http.verdict, millis(flow.http.latency_ms), `${bytes(flow.http.response_bytes)}`].filter(Boolean).join(', ')],
    ['Measured', measured(recorded)],
    ['Detail', flow.http?.detail], ['TCP flags', flow.tcp_flags], ['Length', flow.length ? bytes(flow.length) : ''],
  ].filter(([, text]) => text);
  const port = flow.port?.split(' ')[0] ?? '';
  const explain = `/container?${new URLSearchParams({ name: asked(to), from: asked(from), to: asked(to), port, ...(flow.http?.method ? { http: `${flow.http.method} ${flow.http.path}` } : {}) })}`;
  return h('div.detail-box',
    h('dl.facts', facts.map(([name, text, labels]) => h('div', h('dt', name), h('dd', text, labels?.length ? h('ul.labels', labels.map(l => h('li', label(l)))) : null)))),
    h('p.actions',
      to?.endpoint_id ? h('a.button', { href: explain, 'data-view': true }, 'Explain under the policy of now') : null,
      recorded.raw ? suggestFor(recorded) : null,
      copyButton(() => JSON.stringify(recorded.last ? { ...recorded, raw: undefined } : flow, null, 2), 'Copy as JSON')));
}
