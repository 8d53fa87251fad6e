// SPDX-License-Identifier: Apache-2.0
// One container: the policy in force for it, whom it speaks with, what was dropped and why.

import { ask, listen } from './agent.js';
import { fill, h, table } from './dom.js';
import { Book, askFor } from './map.js';
import { detail } from './flows.js';
import { ago, clock, count, isDenied, label, millis, moment, opener, outcome, plural, rate, target, what, who } from './words.js';

export async function showContainer(element, query, go) {
  const name = query.get('name') ?? '';
  if (!name) {
    return choose(element);
  }
  const [{ endpoint, log }, { policies }] = await Promise.all([ask('endpoint', { name }), ask('policies')]);
  const title = endpoint.name || `endpoint ${endpoint.id}`;
  document.title = `${title} · Weir`;
  const rules = policies.flatMap(policy => policy.rules.filter(rule => rule.endpoints.includes(endpoint.name)).map(rule => ({ policy, rule })));
  const peers = h('div', h('p.none', 'Looking.'));
  const drops = h('div', h('p.none', 'Looking.'));
  const stop = new AbortController();

  fill(element,
    h('div.title', h('h1', title), state('to it', endpoint.ingress_enforced), state('from it', endpoint.egress_enforced), endpoint.state === 'ready' ? null : h('span.tag.worry', endpoint.state), endpoint.degraded ? h('span.tag.bad', endpoint.degraded) : null),
    h('div.columns',
      h('section', h('h2', 'What it is'), h('dl.facts', [
        ['Image', endpoint.image], ['Addresses', [endpoint.ipv4, endpoint.ipv6, ...endpoint.addresses].filter(Boolean).join(', ')], ['Network', endpoint.network],
        ['Identity', endpoint.identity], ['Endpoint', `${endpoint.id}, ${endpoint.interface}`], ['Container', endpoint.container_id.slice(0, 12)],
        ['Since', endpoint.created ? `${moment(endpoint.created)}, ${ago(endpoint.created)}` : ''], ['Published', endpoint.published.join(', ')], ['Connections', count(endpoint.flows)],
        ['Problem', [endpoint.publish_label_problem, endpoint.addresses_label_problem].filter(Boolean).join('; ')],
      ].filter(([, text]) => text !== '').map(([key, text]) => h('div', h('dt', key), h('dd', text)))), h('ul.labels', endpoint.labels.map(text => h('li', label(text))))),
      explainer(title, query)),
    h('section', h('h2', 'Policy in force'), h('p.muted', whatHolds(endpoint)),
      rules.length ? table('Rules about it', ['Rule', 'Says', 'Where'], rules.map(({ policy, rule }) => [rule.name, rule.description, h('a', { href: `/policies#${encodeURIComponent(policy.name)}`, 'data-view': true }, `${rule.file}:${rule.line}`)]), { className: 'cards' }) : null),
    h('section', h('h2', 'Whom it speaks with'), peers),
    h('section', h('h2', 'What was dropped and refused'), h('p.muted', 'In the past hour. ', h('a', { href: `/flows?${new URLSearchParams({ 'related-to': title, since: '24h', type: 'drop' })}`, 'data-view': true }, 'Further back')), drops),
    h('section', h('h2', 'What happened to it'), h('ul.lines', log.slice(-40).reverse().map(entry => h('li', h('time.muted', { datetime: entry.time }, moment(entry.time)), ' ', entry.text)))));

  ask('flows', { since: '1h', 'related-to': title }, { signal: stop.signal }).then(
    ({ flows, notes }) => fill(drops, dropTable(flows.filter(f => isDenied(f.flow) && f.flow.type !== 'verdict').reverse().slice(0, 100)), notes.map(text => h('p.note', text))),
    problem => stop.signal.aborted || fill(drops, h('p.none', { role: 'alert' }, problem.message)));

  const book = new Book();
  const isIt = node => node.containers.includes(endpoint.name);
  const end = listen('map', { since: '1h', 'related-to': title }, line => {
    if (line.wait) {
      return;
    }
    book.take(line);
    const side = (edges, other) => edges.sort((a, b) => b.rate - a.rate || b.flows + b.requests - a.flows - a.requests).slice(0, 100).map(edge => {
      const node = book.node(other(edge));
      return h('tr', { class: edge.denied ? 'has-denied' : null }, [
        ['Who', node.containers.length === 1 ? h('a', { href: `/container?name=${encodeURIComponent(node.containers[0])}`, 'data-view': true }, node.name) : node.name],
        ['Ports', edge.ports.map(p => p.port).join(', ')], ['#Rate', rate(edge.rate)], ['#p50', millis(edge.p50)], ['#p99', millis(edge.p99)], ['#Round trip', millis(edge.roundTrip)], ['#Sent again', edge.retransmits ? count(edge.retransmits) : ''], ['#Seen', count(edge.flows + edge.requests)],
        ['#Denied', edge.denied ? h('a.bad', { href: `/flows?${new URLSearchParams({ from: askFor(book.node(edge.from)), to: askFor(book.node(edge.to)), type: 'drop', since: '1h' })}`, 'data-view': true }, count(edge.denied)) : ''], ['Last', ago(edge.last, book.now)],
      ].map(([heading, cell], i) => h(i ? 'td' : 'th', { scope: i ? null : 'row', 'data-label': heading.replace('#', ''), class: heading.startsWith('#') ? 'num' : null }, cell)));
    });
    if (peers.matches(':focus-within')) {
      return; // not from under somebody's hand
    }
    const headings = ['Who', 'Ports', '#Rate', '#p50', '#p99', '#Round trip', '#Sent again', '#Seen', '#Denied', 'Last'];
    fill(peers, h('div.columns',
      h('div', h('h3', 'Reaches it'), table('What reaches it', headings, side(book.edges().filter(edge => isIt(book.node(edge.to))), edge => edge.from), { className: 'cards', empty: 'Nobody, as far as is known.' })),
      h('div', h('h3', 'It reaches'), table('What it reaches', headings, side(book.edges().filter(edge => isIt(book.node(edge.from))), edge => edge.to), { className: 'cards', empty: 'Nobody, as far as is known.' }))));
  }, problem => problem && book.edges().length === 0 && fill(peers, h('p.none', problem)));
  return () => {
    end();
    stop.abort();
  };
}

const state = (way, enforced) => h(`span.tag.${enforced ? 'good' : 'worry'}`, enforced ? `${way}: what no rule allows is denied` : `${way}: open`);

function whatHolds(endpoint) {
  const side = (word, enforced) => enforced ? `${word} what no rule allows is denied` : `${word} everything is allowed`;
  return `${side('To it', endpoint.ingress_enforced)}; ${side('from it', endpoint.egress_enforced)}. ${plural(endpoint.policy_entries, 'entry', 'entries')} in its map.`;
}

function dropTable(rows) {
  return table('What was dropped and refused', ['When', 'From', 'To', 'What', 'Outcome', 'Why, and the nearest rule'], rows.flatMap(recorded => {
    const flow = recorded.flow;
    const more = h('button.more', { type: 'button', 'aria-expanded': 'false', onclick: () => {
      const isOpen = line.nextElementSibling?.classList.contains('detail');
      more.setAttribute('aria-expanded', String(!isOpen));
      isOpen ? line.nextElementSibling.remove() : line.after(h('tr.detail', h('td', { colspan: '6' }, detail(recorded))));
    } }, flow.explanation || flow.drop_reason_text || 'more');
    const line = h('tr.denied', h('td.time', { 'data-label': 'When' }, clock(recorded.last), recorded.count > 1 ? h('small', `${count(recorded.count)} times`) : null), h('td', { 'data-label': 'From' }, who(opener(flow))), h('td', { 'data-label': 'To' }, who(target(flow))),
      h('td.what', { 'data-label': 'What' }, what(flow)), h('td', { 'data-label': 'Outcome' }, h('span.tag.bad', outcome(flow))), h('td.why', { 'data-label': 'Why' }, more));
    return [line];
  }), { className: 'cards', empty: 'Nothing.' });
}

/** "May … reach …?", answered under the policy of now. */
function explainer(name, query) {
  const answer = h('div', { 'aria-live': 'polite' });
  const field = (key, text, value, props) => h('label.field', h('span', text), h('input', { name: key, value, autocomplete: 'off', spellcheck: 'false', ...props }));
  const form = h('form.explain', { onsubmit: e => {
    e.preventDefault();
    run();
  } },
    field('from', 'from', query.get('from') ?? '', { placeholder: 'world, web, role=web', required: true }), field('to', 'to', query.get('to') ?? name, { required: true }),
    field('port', 'port', query.get('port') ?? '', { placeholder: '80/tcp', class: 'short', required: true }), field('http', 'request', query.get('http') ?? '', { placeholder: 'GET /orders' }),
    h('button.primary', { type: 'submit' }, 'Explain'));

  async function run() {
    try {
      const said = await ask('explain', new FormData(form));
      const way = w => [
        h('p', h(`span.tag.${w.allowed ? 'good' : 'bad'}`, w.allowed ? 'allowed' : 'denied'), ' ', w.to ? `to ${w.to}` : `${said.from} → ${said.to} ${said.port}`),
        w.obstacle ? h('p', w.obstacle) : null, w.note ? h('p.muted', w.note) : null,
        h('dl.facts', [['Egress', w.egress], ['Ingress', w.ingress]].filter(([, judged]) => judged).map(([key, judged]) => h('div', h('dt', key), h('dd', judged.text, judged.nearest_text ? h('p.muted', judged.nearest_text) : null)))),
      ];
      fill(answer, said.service ? h('p.muted', `Service ${said.service}`) : null, said.ways.length && said.service ? said.ways.map(way) : way({ ...said, to: '' }));
    } catch (e) {
      fill(answer, h('p.bad', { role: 'alert' }, e.message));
    }
  }

  if (query.get('from') && query.get('port')) {
    run();
  }
  return h('section', h('h2', 'Who may reach it?'), form, answer);
}

async function choose(element) {
  const endpoints = await ask('endpoints');
  fill(element, h('h1', 'Containers'), table('Containers', ['Name', 'State', 'Address', 'Network', 'Labels'], endpoints.endpoints.map(e => [
    h('a', { href: `/container?name=${encodeURIComponent(e.name || e.id)}`, 'data-view': true }, e.name || `endpoint ${e.id}`), e.state, e.ipv4 || e.ipv6, e.network, e.labels.map(label).join(', '),
  ]), { className: 'cards', empty: 'No container of Weir runs.' }));
}
