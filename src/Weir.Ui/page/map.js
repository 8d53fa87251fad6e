// SPDX-License-Identifier: Apache-2.0
// The map of who talks to whom, and the same as a table.

import { listen } from './agent.js';
import { h, fill, say, table, clean } from './dom.js';
import { Layout, NODE } from './layout.js';
import { Picture, coloursOf, nextNode, nodeAt } from './draw.js';
import { again, ago, asked, count, label, millis, plural, rate } from './words.js';

const REPAINT = 120; // ms between paintings of a map that somebody moves
const SPANS = [['15m', '15 min'], ['1h', '1 hour'], ['6h', '6 hours'], ['24h', '1 day'], ['7d', '7 days']];

export function showMap(element, query, go) {
  const book = new Book();
  const layout = new Layout();
  const span = query.get('since') || '1h';
  let chosen = null;
  let hovered = null;
  let asTable = query.get('as') === 'table';
  let find = query.get('find') ?? '';
  let onlyDenied = query.get('denied') === '1';
  let dirty = true;
  let shifted = false; // the same from elsewhere
  let sized = false;
  let moved = false; // by hand: then it stays where it is

  const keep = changes => {
    for (const [name, value] of Object.entries(changes)) {
      value ? query.set(name, value) : query.delete(name);
    }
    const text = query.toString();
    history.replaceState(null, '', `/${text ? '?' + text : ''}`);
  };

  // ---- what is there

  const canvas = h('canvas.map', { tabindex: '0', role: 'img', 'aria-label': 'Map of who talks to whom' });
  const panel = h('aside.panel', { 'aria-label': 'What is chosen', hidden: true });
  const tableHolder = h('div.map-table');
  const counts = h('span.counts', { 'aria-live': 'off' });
  const findBox = h('input', { type: 'search', placeholder: 'Find', 'aria-label': 'Find by name or label', value: find, 'data-filter': true, oninput: () => {
    find = findBox.value;
    keep({ find });
    dirty = true;
    paintTable();
  } });
  const deniedBox = h('input', { type: 'checkbox', checked: onlyDenied, onchange: () => {
    onlyDenied = deniedBox.checked;
    keep({ denied: onlyDenied ? '1' : '' });
    dirty = true;
    paintTable();
  } });
  const spanBox = h('select', { 'aria-label': 'Since when', onchange: () => go(`/?${new URLSearchParams({ ...Object.fromEntries(query), since: spanBox.value })}`) },
    [...SPANS, ...(SPANS.some(([value]) => value === span) ? [] : [[span, span]])].map(([value, text]) => h('option', { value, selected: value === span }, text)));
  const tableButton = h('button', { type: 'button', 'aria-pressed': String(asTable), 'data-table': true, title: 'Map or table (T)', onclick: () => {
    asTable = !asTable;
    keep({ as: asTable ? 'table' : '' });
    arrange();
  } }, 'Table');
  const empty = h('p.empty', 'Waiting for the agent.');
  const stage = h('div.stage', canvas, empty, h('div.zoom', { role: 'group', 'aria-label': 'How near' },
    h('button.icon', { type: 'button', title: 'Nearer (+)', onclick: () => zoom(1.25) }, h('span', { 'aria-hidden': 'true' }, '+'), h('span.sr', 'Nearer')),
    h('button.icon', { type: 'button', title: 'Farther (−)', onclick: () => zoom(0.8) }, h('span', { 'aria-hidden': 'true' }, '−'), h('span.sr', 'Farther')),
    h('button.icon', { type: 'button', title: 'All of it (0)', onclick: () => fit() }, h('span', { 'aria-hidden': 'true' }, '⤢'), h('span.sr', 'All of it'))));
  fill(element,
    h('h1.sr', 'Map'),
    h('div.bar', { role: 'search' }, findBox, h('label.check', deniedBox, 'Denied or audited only'), spanBox, tableButton,
      h('button', { type: 'button', title: 'Arrange anew', onclick: () => {
        layout.clear();
        layout.add(book.listed(), book.edges(), aspect());
        fit();
      } }, 'Tidy'), counts,
      h('ul.legend', h('li.allowed', 'allowed'), h('li.audited', 'audited'), h('li.denied', 'denied'), h('li.quiet', 'quiet now'))),
    h('div.split', stage, tableHolder, panel));

  const picture = new Picture(canvas);
  const aspect = () => Math.min(2.2, Math.max(0.4, picture.width / picture.height || 1.7));
  const colour = () => {
    picture.colours = coloursOf(document.documentElement);
    dirty = true;
  };

  function arrange() {
    stage.hidden = asTable;
    tableHolder.hidden = !asTable;
    tableButton.setAttribute('aria-pressed', String(asTable));
    paintTable();
    dirty = true;
  }

  // ---- what the agent tells

  const dims = of => {
    if (onlyDenied && !(of.denied > 0 || of.audited > 0)) {
      return true;
    }
    if (!find) {
      return false;
    }
    const words = find.toLowerCase();
    const has = node => node && (node.name.toLowerCase().includes(words) || node.group.toLowerCase().includes(words) || node.labels.some(text => text.toLowerCase().includes(words)) || node.containers.some(text => text.toLowerCase().includes(words)));
    return of.from === undefined ? !has(of) : !has(book.node(of.from)) && !has(book.node(of.to));
  };

  const end = listen('map', { since: span }, line => {
    if (line.wait) {
      empty.textContent = 'Reading the record.';
      return;
    }
    book.take(line);
    const isNew = layout.add(book.listed(), book.edges(), aspect());
    if (isNew && !moved) {
      picture.fit(layout);
    }
    empty.hidden = book.listed().length > 0;
    empty.textContent = 'No container of Weir runs, and nothing is on record: docker run --network … makes the first.';
    const denied = book.edges().filter(edge => edge.denied > 0).length;
    const text = `${plural(book.listed().length, 'node')}, ${plural(book.edges().length, 'edge')}${denied ? `, ${denied} denied` : ''}${book.lost ? `, ${count(book.lost)} events lost` : ''}`;
    if (counts.textContent !== text) {
      counts.textContent = text;
      canvas.setAttribute('aria-label', `Map of who talks to whom: ${text}. Arrow keys go from node to node, t shows a table.`);
    }
    dirty = true;
    if (chosen !== null) {
      paintPanel();
    }
    paintTable();
  }, problem => {
    if (problem && book.listed().length === 0) {
      empty.hidden = false;
      empty.textContent = problem;
    }
  });

  // ---- the panel and the table

  const linkTo = node => node.containers.length === 1 && node.kind === 'container' ? `/container?name=${encodeURIComponent(node.containers[0])}` : null;
  const flowsOf = (edge, more = {}) => `/flows?${new URLSearchParams({ from: askFor(book.node(edge.from)), to: askFor(book.node(edge.to)), ...more })}`;

  function edgeRows(edges, other) {
    return edges.sort((a, b) => b.rate - a.rate || b.denied - a.denied || b.flows + b.requests - a.flows - a.requests).slice(0, 50).map(edge => h('li', { class: edge.denied ? 'has-denied' : null },
      h('a', { href: flowsOf(edge), 'data-view': true }, book.node(other(edge)).name),
      h('span.muted', edge.ports.map(p => p.port).join(', ')),
      h('span.num', [rate(edge.rate), millis(edge.p99)].filter(Boolean).join(' · ') || count(edge.flows + edge.requests)),
      edge.roundTrip || edge.retransmits ? h('span.muted.measured', [edge.roundTrip ? `round trip ${millis(edge.roundTrip)}` : '', again(edge.retransmits, edge.segments)].filter(Boolean).join(', ')) : null,
      edge.audited ? h('a.worry', { href: flowsOf(edge, { verdict: 'audited', since: span }), 'data-view': true }, `${count(edge.audited)} audited`) : null,
      edge.denied ? h('a.bad', { href: flowsOf(edge, { type: 'drop', since: span }), 'data-view': true }, `${count(edge.denied)} denied`) : null));
  }

  let painted = '';
  function paintPanel() {
    const node = chosen === null ? null : book.node(chosen);
    panel.hidden = !node;
    if (!node) {
      painted = '';
      return;
    }
    const into = book.edges().filter(edge => edge.to === node.id);
    const out = book.edges().filter(edge => edge.from === node.id);
    const state = JSON.stringify([node, into, out]);
    if (state === painted || panel.contains(document.activeElement) && painted !== '' && panel.dataset.node === String(node.id) && panel.matches(':focus-within')) {
      return;
    }
    painted = state;
    panel.dataset.node = node.id;
    fill(panel,
      h('div.panel-head', h('h2', node.name), h('button.icon', { type: 'button', onclick: () => choose(null) }, h('span', { 'aria-hidden': 'true' }, '×'), h('span.sr', 'Close'))),
      node.group ? h('p.muted', `Project ${node.group}`) : null,
      node.kind === 'container' && node.here === 0 ? h('p.muted', 'No such container runs now.') : null,
      node.containers.length ? [h('h3', plural(node.containers.length, 'container')), h('ul.names', node.containers.slice(0, 12).map(name => h('li', h('a', { href: `/container?name=${encodeURIComponent(name)}`, 'data-view': true }, name))))] : null,
      h('h3', `Reached by${into.length ? '' : ' nobody'}`), into.length ? h('ul.edges', edgeRows(into, edge => edge.from)) : null,
      h('h3', `Reaches${out.length ? '' : ' nobody'}`), out.length ? h('ul.edges', edgeRows(out, edge => edge.to)) : null,
      node.labels.length ? [h('h3', 'Labels'), h('ul.labels', node.labels.map(text => h('li', label(text))))] : null);
  }

  let tabled = 0;
  function paintTable() {
    if (!asTable || performance.now() - tabled < 900 && tableHolder.contains(document.activeElement) && document.activeElement !== document.body) {
      return;
    }
    tabled = performance.now();
    const name = id => {
      const node = book.node(id);
      const to = linkTo(node);
      return [to ? h('a', { href: to, 'data-view': true }, node.name) : node.name, node.group ? h('small.muted', ` ${node.group}`) : null];
    };
    const rows = book.edges().filter(edge => !dims(edge)).sort((a, b) => b.rate - a.rate || b.flows + b.requests - a.flows - a.requests).slice(0, 400)
      .map(edge => h('tr', { class: edge.denied ? 'has-denied' : null }, h('th', { scope: 'row', 'data-label': 'From' }, name(edge.from)), ...[
        ['To', name(edge.to)], ['Ports', edge.ports.map(p => p.port).join(', ')], ['#Rate', rate(edge.rate)], ['#Flows', edge.flows ? count(edge.flows) : ''], ['#Requests', edge.requests ? count(edge.requests) : ''],
        ['#p50', millis(edge.p50)], ['#p99', millis(edge.p99)], ['#Round trip', millis(edge.roundTrip)], ['#Sent again', edge.retransmits ? count(edge.retransmits) : ''],
        ['#Audited', edge.audited ? h('a.worry', { href: flowsOf(edge, { verdict: 'audited', since: span }), 'data-view': true }, count(edge.audited)) : ''], ['#Denied', edge.denied ? h('a.bad', { href: flowsOf(edge, { type: 'drop', since: span }), 'data-view': true }, count(edge.denied)) : ''], ['Last', ago(edge.last, book.now)],
      ].map(([heading, cell]) => h('td', { 'data-label': heading.replace('#', ''), class: heading.startsWith('#') ? 'num' : null }, cell))));
    const top = tableHolder.firstElementChild?.scrollTop ?? 0;
    fill(tableHolder, table('Who talks to whom', ['From', 'To', 'Ports', '#Rate', '#Flows', '#Requests', '#p50', '#p99', '#Round trip', '#Sent again', '#Audited', '#Denied', 'Last'], rows, { className: 'cards', empty: 'Nobody talks to anybody, as far as is on record.' }));
    tableHolder.firstElementChild.scrollTop = top;
  }

  // ---- hands

  function choose(id, speak = true) {
    chosen = id;
    dirty = true;
    painted = '';
    paintPanel();
    const node = id === null ? null : book.node(id);
    if (node && speak) {
      const into = book.edges().filter(edge => edge.to === id);
      const denied = into.reduce((sum, edge) => sum + edge.denied, 0);
      say(`${clean(node.name)}${node.group ? `, project ${node.group}` : ''}: reached by ${into.map(edge => book.node(edge.from).name).slice(0, 5).join(', ') || 'nobody'}${denied ? `; ${denied} denied` : ''}`);
    }
  }

  function zoom(by, x, y) {
    moved = true;
    picture.zoom(by, x, y);
    shifted = true;
  }

  function fit() {
    moved = false;
    picture.fit(layout);
    dirty = true;
  }

  /** Moves the map so that a node is seen. */
  function reveal(id) {
    const at = layout.placeOf(id);
    const [x, y] = [at.x * picture.scale + picture.x, at.y * picture.scale + picture.y];
    const right = picture.width - (picture.width > 900 ? panel.offsetWidth : 0) - NODE.w * picture.scale - 20;
    const dx = x < 20 ? 40 - x : x > right ? right - 20 - x : 0;
    const dy = y < 20 ? 40 - y : y > picture.height - 70 ? picture.height - 100 - y : 0;
    picture.x += dx;
    picture.y += dy;
    moved ||= dx !== 0 || dy !== 0;
  }

  const pointers = new Map();
  let dragged = 0;
  canvas.addEventListener('pointerdown', e => {
    canvas.setPointerCapture(e.pointerId);
    pointers.set(e.pointerId, { x: e.offsetX, y: e.offsetY });
    dragged = 0;
  });
  canvas.addEventListener('pointermove', e => {
    const before = pointers.get(e.pointerId);
    if (!before) {
      const node = nodeAt(layout, book.listed(), picture.toMap(e.offsetX, e.offsetY));
      if ((node?.id ?? null) !== hovered) {
        hovered = node?.id ?? null;
        canvas.style.cursor = node ? 'pointer' : '';
        canvas.title = node ? clean([node.name, ...node.containers.slice(0, 5)].join('\n')).replaceAll('\\u000a', '\n') : '';
        dirty = true;
      }
      return;
    }
    const other = [...pointers].find(([id]) => id !== e.pointerId)?.[1];
    if (other) {
      const far = p => Math.hypot(p.x - other.x, p.y - other.y) || 1;
      zoom(far({ x: e.offsetX, y: e.offsetY }) / far(before), other.x, other.y);
    } else {
      picture.x += e.offsetX - before.x;
      picture.y += e.offsetY - before.y;
    }
    dragged += Math.abs(e.offsetX - before.x) + Math.abs(e.offsetY - before.y);
    moved ||= dragged > 4;
    shifted = true;
    pointers.set(e.pointerId, { x: e.offsetX, y: e.offsetY });
  });
  const up = e => {
    if (pointers.delete(e.pointerId) && e.type === 'pointerup' && dragged <= 4) {
      choose(nodeAt(layout, book.listed(), picture.toMap(e.offsetX, e.offsetY))?.id ?? null);
    }
  };
  canvas.addEventListener('pointerup', up);
  canvas.addEventListener('pointercancel', up);
  canvas.addEventListener('pointerleave', () => {
    hovered = null;
    dirty = true;
  });
  canvas.addEventListener('wheel', e => {
    e.preventDefault();
    zoom(Math.exp(-e.deltaY / (e.ctrlKey ? 120 : 600)), e.offsetX, e.offsetY);
  }, { passive: false });
  canvas.addEventListener('keydown', e => {
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[e.key];
    const nodes = book.listed();
    if (way && nodes.length > 0) {
      e.preventDefault();
      const next = chosen === null ? nodes[0] : nextNode(layout, nodes, chosen, ...way);
      if (next) {
        choose(next.id);
        reveal(next.id);
      }
    } else if (e.key === 'Enter' && chosen !== null) {
      panel.querySelector('a, button')?.focus();
    } else if (e.key === '+' || e.key === '=') {
      zoom(1.25);
    } else if (e.key === '-') {
      zoom(0.8);
    } else if (e.key === '0') {
      fit();
    }
  });
  const escape = e => {
    if (e.key === 'Escape' && chosen !== null && !document.getElementById('dialog').open) {
      choose(null);
      canvas.focus();
    }
  };
  addEventListener('keydown', escape);

  // ---- time

  const still = matchMedia('(prefers-reduced-motion: reduce)');
  const watcher = new ResizeObserver(() => {
    picture.resize();
    if (!sized || !moved) {
      picture.fit(layout);
    }
    sized = true;
    dirty = true;
  });
  watcher.observe(stage);
  addEventListener('weir-theme', colour);
  const scheme = matchMedia('(prefers-color-scheme: dark)');
  scheme.addEventListener('change', colour);
  colour();
  arrange();

  let frame = 0;
  let paintedAt = 0;
  const tick = time => {
    frame = requestAnimationFrame(tick);
    if (asTable || picture.width === 0) {
      return;
    }
    const moves = !still.matches && book.isBusy;
    if (dirty && !shifted || (dirty || shifted) && time - paintedAt > REPAINT) {
      picture.paint({ layout, nodes: book.listed(), edges: book.edges(), chosen, hovered, dims });
      paintedAt = time;
      dirty = shifted = false;
    } else if (!moves && !shifted) {
      return;
    }
    picture.show(time, moves);
  };
  frame = requestAnimationFrame(tick);

  return () => {
    end();
    cancelAnimationFrame(frame);
    watcher.disconnect();
    removeEventListener('keydown', escape);
    removeEventListener('weir-theme', colour);
    scheme.removeEventListener('change', colour);
  };
}

/** How to ask the agent for a node. */
export function askFor(node) {
  if (node.kind !== 'container') {
    return node.labels[0]?.replace(/^(reserved|cidr):/, '') ?? node.name;
  }
  return node.containers.length === 1 ? asked({ name: node.containers[0] }) : node.labels.find(text => text.startsWith('container:com.docker.compose.service=')) ?? node.labels[0] ?? node.name;
}

/** What the stream has told so far; the server bounds it. */
export class Book {
  #nodes = new Map();
  #edges = new Map();
  #listed = [];
  #listedEdges = [];
  now = Date.now();
  lost = 0;
  isBusy = false;

  take(line) {
    if (line.nodes.some(node => this.#nodes.get(node.id) && this.#nodes.get(node.id).key !== node.key)) {
      // The server began anew, and so do its numbers.
      this.#nodes.clear();
      this.#edges.clear();
    }
    this.now = Date.parse(line.now);
    this.lost = line.lost;
    for (const node of line.nodes) {
      this.#nodes.set(node.id, { denied: 0, deniedRate: 0, ...node });
    }
    line.gone.forEach(id => this.#edges.delete(id));
    for (const edge of line.edges) {
      this.#edges.set(edge.id, edge);
    }
    for (const node of this.#nodes.values()) {
      [node.denied, node.deniedRate] = [0, 0];
    }
    const ways = new Set();
    this.isBusy = false;
    const spoken = new Set();
    for (const edge of this.#edges.values()) {
      ways.add(`${edge.from}>${edge.to}`);
      spoken.add(edge.from).add(edge.to);
      this.isBusy ||= edge.rate > 0;
      for (const id of [edge.from, edge.to]) {
        const node = this.#nodes.get(id);
        node.denied += edge.denied;
        node.deniedRate += edge.deniedRate;
      }
    }
    for (const edge of this.#edges.values()) {
      edge.hasBack = edge.from !== edge.to && ways.has(`${edge.to}>${edge.from}`);
    }
    this.#listedEdges = [...this.#edges.values()];
    this.#listed = [...this.#nodes.values()].filter(node => node.here > 0 || spoken.has(node.id));
    for (const node of this.#listed) {
      node.below = node.kind === 'container' ? (node.here > 1 ? `${node.here} containers` : node.here === 0 ? 'gone' : node.containers[0] !== node.name ? node.containers[0] : '') : '';
    }
  }

  node(id) {
    return this.#nodes.get(id);
  }

  /** Those that are there, or spoke. */
  listed() {
    return this.#listed;
  }

  edges() {
    return this.#listedEdges;
  }
}
