// SPDX-License-Identifier: Apache-2.0
// From a denied flow the policy that would allow it.

import { ask } from './agent.js';
import { cleanLines, copyButton, fill, h } from './dom.js';

/** A button, and the YAML once it is asked for. */
export function suggestFor(recorded) {
  const holder = h('span');
  const button = h('button', { type: 'button', onclick: async () => {
    button.disabled = true;
    try {
      const answer = await ask('suggest', null, { body: recorded.raw });
      holder.replaceChildren(h('div.yaml',
        h('p.actions', copyButton(() => answer.yaml, 'Copy'), h('a.button', { href: `/draft?${new URLSearchParams({ text: answer.yaml })}`, 'data-view': true }, 'Try it as a draft')),
        h('pre', { tabindex: '0' }), answer.left_out.map(left => h('p.muted', `${left.what}: ${left.why}`)), answer.notes.map(text => h('p.muted', text))));
      fill(holder.querySelector('pre'), document.createTextNode(cleanLines(answer.yaml)));
    } catch (e) {
      button.disabled = false;
      holder.append(h('span.bad', { role: 'alert' }, ' ' + e.message));
    }
  } }, 'Policy that would allow it');
  holder.append(button);
  return holder;
}
