// SPDX-License-Identifier: Apache-2.0
// What a policy that is not in force yet would change. Nothing is applied from here.

import { ask } from './agent.js';
import { fill, h, say, table } from './dom.js';
import { count, moment, plural, who } from './words.js';

const START = `- endpointSelector: {matchLabels: {role: api}}
  ingress:
    - fromEndpoints: [{matchLabels: {role: web}}]
      toPorts: [{ports: [{port: "80", protocol: TCP}]}]
`;

let kept = ''; // what somebody wrote, while he looks at another view

export async function showDraft(element, query) {
  let text = query.get('text') ?? kept;
  if (query.has('policy')) {
    const { policies } = await ask('policies');
    text = policies.find(policy => policy.name === query.get('policy'))?.text ?? text;
  }
  const box = h('textarea', { id: 'draft-text', spellcheck: 'false', autocapitalize: 'off', rows: '24', 'aria-describedby': 'draft-how', placeholder: START, 'data-filter': true, oninput: () => {
    kept = box.value;
    number();
  }, onscroll: () => { lines.scrollTop = box.scrollTop; }, onkeydown: e => {
    if (e.key === 'Enter' && (e.ctrlKey || e.metaKey)) {
      e.preventDefault();
      run();
    }
  } });
  box.value = text;
  const lines = h('pre.line-numbers', { 'aria-hidden': 'true' });
  const answer = h('div.draft-answer', { 'aria-live': 'polite' }, h('p.none', 'What it would change stands here.'));
  const since = h('select', { id: 'draft-since' }, ['1h', '24h', '7d'].map(value => h('option', { value, selected: value === '24h' }, value)));
  const button = h('button.primary', { type: 'button', title: 'Ctrl+Enter', onclick: () => run() }, 'Try it');
  fill(element, h('h1.sr', 'Draft'),
    h('div.draft',
      h('div', h('div.bar', h('label', { for: 'draft-text' }, 'A policy, as in a file'), h('span.grow'), h('label.field', { for: 'draft-since' }, h('span', 'on the record of'), since), button),
        h('div.editor', lines, box), h('p.muted', { id: 'draft-how' }, 'It is tried and not applied: documents of the same name are replaced, all others stay. Ctrl+Enter tries it.')),
      answer));
  number();

  function number() {
    const n = box.value.split('\n').length;
    if (lines.dataset.n !== String(n)) {
      lines.dataset.n = n;
      lines.textContent = Array.from({ length: n }, (_, i) => i + 1).join('\n');
    }
  }

  function toLine(line) {
    const rows = box.value.split('\n');
    const start = rows.slice(0, line - 1).reduce((sum, row) => sum + row.length + 1, 0);
    box.focus();
    box.setSelectionRange(start, start + (rows[line - 1]?.length ?? 0));
    box.scrollTop = Math.max(0, (line - 5) * parseFloat(getComputedStyle(box).lineHeight));
  }

  async function run() {
    if (!box.value.trim()) {
      fill(answer, h('p.none', 'There is no text.'));
      return;
    }
    button.disabled = true;
    try {
      show(await ask('draft', { since: since.value }, { body: box.value }));
    } catch (e) {
      fill(answer, h('p.bad', { role: 'alert' }, e.message));
    }
    button.disabled = false;
  }

  function show({ replay, policy, closed }) {
    const errors = replay.problems.filter(problem => !problem.warning && !problem.notice);
    say(errors.length ? plural(errors.length, 'error') : `${count(replay.refused)} refused, ${count(replay.allowed)} allowed of ${count(replay.flows)}`);
    fill(answer,
      replay.problems.length ? h('section', h('h2', 'Problems'), h('ul.lines', replay.problems.map(problem => h('li',
        problem.line ? h('button.link', { type: 'button', onclick: () => toLine(problem.line) }, `line ${problem.line}`) : null, ' ', h(`span.${problem.warning || problem.notice ? 'muted' : 'bad'}`, problem.message))))) : null,
      errors.length ? null : [
        replayed(replay),
        h('section', h('h2', 'Who could talk to whom'), policy
          ? table('Who could talk to whom', ['From', 'To', 'Ports', 'Now', 'Then'], policy.changes.map(c => [brief(c.from), brief(c.to), c.ports, verdict(c.allowed_before, c.before), verdict(c.allowed_after, c.after)]), { className: 'cards', empty: 'Nothing changes between the containers that there are.' })
          : h('p.none', closed)),
        h('section', h('h2', 'Documents'), table('Documents', ['Name', 'Kind', 'Would be', '#Rules'], replay.documents.map(d => [d.name, d.kind, d.change, String(d.rules)]), { className: 'cards' })),
      ]);
  }
}

/** Compose's own labels are long, and known. */
const brief = text => text.replaceAll('com.docker.compose.', '');

const verdict = (allowed, text) => h(`span.tag.${allowed ? 'good' : 'bad'}`, text || (allowed ? 'allowed' : 'denied'));

const OUTCOMES = { refused: ['bad', 'would be refused'], allowed: ['good', 'would pass'], unknown: ['worry', 'not known'] };

/** What it would have done to what is on record. */
function replayed(replay) {
  const parts = [
    replay.refused ? `would refuse ${count(replay.refused)} that passed` : '', replay.allowed ? `would let pass ${count(replay.allowed)} that did not` : '',
    replay.unknown ? `${count(replay.unknown)} are not known` : '',
  ].filter(Boolean);
  const span = replay.first ? ` from ${moment(replay.first)} to ${moment(replay.last)}` : '';
  return h('section', h('h2', 'On what is on record'),
    h('p', replay.flows ? `Of ${plural(replay.flows, 'flow')} and requests${span}, it ${parts.join(', ') || 'changes none'}.` : 'Nothing is on record of this time.'),
    replay.groups.length ? table('On what is on record', ['From', 'To', 'What', '#Times', 'Then', 'Why'], replay.groups.map(g => [
      who(g.source), who(g.destination), h('span.mono', g.request || g.port), count(g.count), h(`span.tag.${OUTCOMES[g.outcome]?.[0] ?? 'worry'}`, OUTCOMES[g.outcome]?.[1] ?? g.outcome),
      [brief(g.text), g.nearest_text ? h('p.muted', brief(g.nearest_text)) : null, g.same_now ? h('p.muted', 'The policy in force now says the same: it is not the draft.') : null],
    ]), { className: 'cards' }) : null,
    replay.groups_left_out ? h('p.muted', `and ${plural(replay.groups_left_out, 'group')} more`) : null, replay.notes.map(text => h('p.muted', text)));
}
