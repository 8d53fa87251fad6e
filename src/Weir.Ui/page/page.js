// SPDX-License-Identifier: Apache-2.0
// The frame of the page: addresses, the head, keys. A view is a function of (element, query) that returns what ends it.

import { AgentError, ask, openSession } from './agent.js';
import { fill, h, say, showDialog, table } from './dom.js';
import { ago, bytes, count, plural } from './words.js';
import { showMap } from './map.js';

const VIEWS = {
  '/': ['Map', showMap],
  '/flows': ['Flows', async (...a) => (await import('./flows.js')).showFlows(...a)],
  '/container': ['Containers', async (...a) => (await import('./container.js')).showContainer(...a)],
  '/policies': ['Policies', async (...a) => (await import('./policies.js')).showPolicies(...a)],
  '/draft': ['Draft', async (...a) => (await import('./draft.js')).showDraft(...a)],
};

const KEYS = [
  ['g m, g f, g c, g p, g d', 'map, flows, containers, policies, draft'],
  ['/', 'the filter'],
  ['p', 'pause and go on'],
  ['d', 'dark or light'],
  ['?', 'these keys'],
  ['Esc', 'closes and clears'],
  ['on the map:', ''],
  ['arrows', 'the next node that way'],
  ['Enter', 'what is known of it'],
  ['+ − 0', 'nearer, farther, all of it'],
  ['t', 'map or table'],
];

const view = document.getElementById('view');
let end = null;
let shown = 0;
let address = '';

/** Goes to an address of the page. */
export function go(address, { replace = false } = {}) {
  if (location.pathname + location.search !== address) {
    history[replace ? 'replaceState' : 'pushState'](null, '', address);
  }
  show();
}

async function show() {
  const turn = ++shown;
  address = location.pathname + location.search;
  end?.();
  end = null;
  const [title, open] = VIEWS[location.pathname] ?? VIEWS['/'];
  document.title = `${title} · Weir`;
  for (const link of document.querySelectorAll('nav a')) {
    const here = link.pathname === location.pathname;
    link.toggleAttribute('data-here', here);
    here ? link.setAttribute('aria-current', 'page') : link.removeAttribute('aria-current');
  }
  fill(view);
  view.className = `view-${title.toLowerCase()}`;
  const mine = h('div.view');
  view.append(mine);
  try {
    const ends = await open(mine, new URLSearchParams(location.search), go);
    if (turn === shown) {
      end = ends ?? null;
    } else {
      ends?.();
    }
  } catch (e) {
    if (turn === shown) {
      fill(mine, h('p.empty', { role: 'alert' }, e.message));
    }
  }
}

addEventListener('popstate', () => {
  // A link to a place on the page, as the one to skip to the view, changes no view.
  if (address !== location.pathname + location.search) {
    show();
  }
});
document.addEventListener('click', e => {
  const link = e.target.closest?.('a[data-view]');
  if (link && e.button === 0 && !e.ctrlKey && !e.metaKey && !e.shiftKey && !e.altKey) {
    e.preventDefault();
    go(link.pathname + link.search);
  }
});

// ---- the head

const away = document.getElementById('away');
const statusButton = document.getElementById('status');
const statusText = document.getElementById('status-text');
let status = null;
let problem = null;

async function look() {
  if (document.hidden) {
    return;
  }
  try {
    status = await ask('status');
    problem = null;
  } catch (e) {
    if (!(e instanceof AgentError)) {
      throw e;
    }
    problem = e;
  }
  paintStatus();
}

function nodeOf(status) {
  return / of \d+ nodes/.test(status.cluster) ? status.cluster.split(' of ')[0] : '';
}

function paintStatus() {
  away.hidden = !problem;
  if (problem) {
    if (away.textContent !== problem.message) {
      away.textContent = problem.message;
    }
    statusButton.dataset.state = 'away';
    statusText.textContent = 'no agent';
    return;
  }
  const degraded = status.health !== 'ok';
  const worries = status.warnings.length + status.limits.length;
  statusButton.dataset.state = degraded ? 'bad' : worries + status.events_lost > 0 ? 'worry' : 'ok';
  fill(statusText, h('b', [nodeOf(status), status.version].filter(Boolean).join(' · ')),
    degraded ? h('span', 'degraded') : null,
    worries ? h('span.wide', plural(worries, 'warning')) : null,
    status.events_lost ? h('span.wide', `${count(status.events_lost)} lost`) : null);
}

statusButton.addEventListener('click', () => {
  if (!status) {
    return;
  }
  const rows = [
    ['Health', status.health], ['Agent', `${status.version}, process ${status.pid}, since ${ago(status.started).replace(' ago', '')}`],
    ['Node', status.cluster], ['Enforcement', status.enforcement], ['Policy', `revision ${status.revision}: ${plural(status.policies, 'document')}, ${plural(status.rules, 'rule')}`],
    ['Containers', `${status.endpoints}${status.endpoints_init ? `, of which ${status.endpoints_init} begin` : ''}`], ['Identities', status.identities],
    ['Connections', `${count(status.conntrack_entries)} of ${count(status.conntrack_capacity)}`], ['Events lost', count(status.events_lost)],
    ['Record', status.record], ['Docker', status.docker], ['Proxy', status.proxy], ['Devices', status.devices], ['IPv6', status.ipv6],
    ['Published ports', status.published_ports], ['Memory', bytes(status.memory_bytes)], ['Kernel', status.kernel],
  ];
  const list = (title, texts) => texts.length ? [h('h3', title), h('ul.lines', texts.map(text => h('li', text)))] : null;
  showDialog('The agent',
    list('Warnings', status.warnings), list('Limits of this host', status.limits), list('Open to everybody', status.open_to_world),
    list('Taken away and put back', status.incidents.map(i => `${i.kind}: ${i.text}${i.times > 1 ? `, ${i.times} times` : ''}, ${ago(i.last)}`)),
    h('dl.facts', rows.filter(([, value]) => value !== '').map(([name, value]) => h('div', h('dt', name), h('dd', value)))));
});

// ---- dark and light

const THEMES = ['', 'dark', 'light'];
const stored = () => {
  try {
    return localStorage.getItem('weir-theme') ?? '';
  } catch {
    return '';
  }
};

function setTheme(theme) {
  theme ? document.documentElement.dataset.theme = theme : delete document.documentElement.dataset.theme;
  try {
    localStorage.setItem('weir-theme', theme);
  } catch { /* as long as the page */ }
  dispatchEvent(new Event('weir-theme'));
}

function turnTheme() {
  const dark = matchMedia('(prefers-color-scheme: dark)').matches;
  const now = document.documentElement.dataset.theme ?? (dark ? 'dark' : 'light');
  const next = now === 'dark' ? 'light' : 'dark';
  setTheme(next === (dark ? 'dark' : 'light') ? '' : next);
  say(next);
}

setTheme(THEMES.includes(stored()) ? stored() : '');
document.getElementById('theme').addEventListener('click', turnTheme);

// ---- keys

const showHelp = () => showDialog('Keys', h('dl.keys', KEYS.map(([keys, text]) => h('div', h('dt', text ? keys.split(' ').map(k => k.endsWith(',') || /^[a-z]{4,}|:$/.test(k) && k !== 'Enter' ? `${k} ` : h('kbd', k)) : keys), h('dd', text)))));
document.getElementById('help').addEventListener('click', showHelp);

let went = 0;
addEventListener('keydown', e => {
  const typing = e.target.closest?.('input, textarea, select, [contenteditable]');
  if (e.ctrlKey || e.metaKey || e.altKey || document.getElementById('dialog').open) {
    return;
  }
  if (typing) {
    if (e.key === 'Escape') {
      e.target.blur();
    }
    return;
  }
  const place = { m: '/', f: '/flows', c: '/container', p: '/policies', d: '/draft' }[e.key];
  if (performance.now() - went < 1200 && place) {
    went = 0;
    e.preventDefault();
    go(place);
  } else if (e.key === 'g') {
    went = performance.now();
  } else if (e.key === '?') {
    showHelp();
  } else if (e.key === 'd') {
    turnTheme();
  } else if (e.key === '/') {
    const filter = view.querySelector('[data-filter]');
    if (filter) {
      e.preventDefault();
      filter.focus();
      filter.select?.();
    }
  } else if (e.key === 'p') {
    view.querySelector('[data-pause]')?.click();
  } else if (e.key === 't') {
    view.querySelector('[data-table]')?.click();
  }
});

await openSession();
look();
setInterval(look, 4000);
document.addEventListener('visibilitychange', look);
show();
