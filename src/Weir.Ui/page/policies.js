// SPDX-License-Identifier: Apache-2.0
// The policies in force: who wrote them where, and how often each rule decided.

import { ask } from './agent.js';
import { copyButton, fill, h, table } from './dom.js';
import { ago, count, moment, plural } from './words.js';

const SPANS = [['1h', 'past hour'], ['24h', 'past day'], ['7d', 'past week']];

export async function showPolicies(element, query, go) {
  const since = query.get('since') || '24h';
  const answer = await ask('policies');
  const record = h('p.muted', 'Counting.');
  const spanBox = h('select', { 'aria-label': 'Since when', onchange: () => go(`/policies?since=${spanBox.value}`) }, SPANS.map(([value, text]) => h('option', { value, selected: value === since }, text)));
  const find = h('input', { type: 'search', placeholder: 'Find', 'aria-label': 'Find by name, file or text', 'data-filter': true, oninput: () => {
    for (const section of element.querySelectorAll('section.policy')) {
      section.hidden = !section.textContent.toLowerCase().includes(find.value.toLowerCase());
    }
  } });
  const cells = new Map();
  const where = rule => `${rule.file}\n${rule.line}\n${rule.name}`;
  const cell = rule => {
    const found = { allowed: h('span', '·'), denied: h('span', '·'), last: h('span', '') };
    cells.set(where(rule), [...(cells.get(where(rule)) ?? []), found]);
    return found;
  };
  const section = policy => {
    const problems = policy.problems.map(problem => h('p.note', `${problem.line ? `line ${problem.line}: ` : ''}${problem.message}`));
    return h('section.policy', { id: policy.name },
      h('div.title', h('h2', policy.name), h('span.tag', policy.kind), h('code.muted', `${policy.file}:${policy.line}`), h('span.grow'),
        policy.applied_by ? h('span.muted', `by ${policy.applied_by}, ${policy.applied_at ? ago(policy.applied_at) : ''}`) : null),
      problems,
      table(`Rules of ${policy.name}`, ['Rule', 'Line', 'Says', 'About', '#Allowed', '#Denied', 'Last'], policy.rules.map(rule => {
        const counts = cell(rule);
        return [rule.name, String(rule.line), rule.description, about(rule), counts.allowed, counts.denied, counts.last];
      }), { className: 'cards', empty: 'No rules: what it selects may do nothing.' }),
      policy.nodes.length ? h('p.muted', `In force at ${policy.nodes.filter(node => node.in_force).map(node => node.node).join(', ') || 'no node'}`) : null,
      policy.nodes.filter(node => !node.in_force).map(node => h('p.note', `Not in force at ${node.node}${node.problem ? `: ${node.problem}` : ' yet'}`)),
      h('details', h('summary', 'Text'), h('p.actions', copyButton(() => policy.text), h('a.button', { href: `/draft?${new URLSearchParams({ policy: policy.name })}`, 'data-view': true }, 'Change it as a draft')), h('pre.numbered', { tabindex: '0' }, policy.text.split('\n').map(line => h('span', line, '\u200b'.slice(1) + ' ')))));
  };
  fill(element,
    h('h1.sr', 'Policies'),
    h('div.bar', { role: 'search' }, find, spanBox, h('span.counts', `${plural(answer.policies.length, 'document')}, ${plural(answer.policies.reduce((sum, p) => sum + p.rules.length, 0), 'rule')}, revision ${answer.revision}`)),
    record,
    answer.policies.length ? answer.policies.map(section) : h('p.empty', 'No policy: everything that networks let through is allowed. ', h('a', { href: '/draft', 'data-view': true }, 'Draft the first.')));
  if (location.hash) {
    document.getElementById(decodeURIComponent(location.hash.slice(1)))?.scrollIntoView();
  }

  const stop = new AbortController();
  ask('rules', { since }, { signal: stop.signal }).then(({ rules, notes }) => {
    const byPlace = new Map(rules.map(rule => [where(rule), rule]));
    for (const [place, shown] of cells) {
      const counted = byPlace.get(place);
      for (const s of shown) {
        s.allowed.textContent = counted?.allowed ? count(counted.allowed) : '';
        s.denied.textContent = counted?.denied ? count(counted.denied) : '';
        s.last.textContent = counted ? ago(counted.last) : '';
        s.last.title = counted ? moment(counted.last) : '';
      }
    }
    record.textContent = notes.length ? notes.join('; ') : `How often each rule decided in the ${SPANS.find(([value]) => value === since)?.[1] ?? since}, by what is on record. What rules allow is on record only with "record: all".`;
  }, problem => {
    if (!stop.signal.aborted) {
      record.textContent = problem.message;
    }
  });
  return () => stop.abort();
}

function about(rule) {
  const names = rule.endpoints.slice(0, 3).map(name => h('a', { href: `/container?name=${encodeURIComponent(name)}`, 'data-view': true }, name));
  return names.length === 0 ? h('span.muted', 'nobody now') : [names.flatMap((name, i) => i ? [', ', name] : [name]), rule.endpoints.length > 3 ? ` and ${rule.endpoints.length - 3} more` : ''];
}
