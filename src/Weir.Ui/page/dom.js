// SPDX-License-Identifier: Apache-2.0
// Elements from text. All text comes from containers or may: it is text and nothing else, and what would hide or turn it is shown.

// Control characters, what changes direction, what has no width, and halves of pairs.
const HIDDEN = /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|\p{Surrogate}|[\u{e0000}-\u{e007f}]/gu;

/** Text as it can be shown on a line: "\u202e" for what would turn it around. */
export const clean = text => String(text).replace(HIDDEN, c => `\\u${c.codePointAt(0).toString(16).padStart(4, '0')}`);

/** Likewise, with its own lines. */
export const cleanLines = text => String(text).split('\n').map(line => clean(line.replaceAll('\t', '    '))).join('\n');

/**
 * An element: h('a.link', { href: '/flows', onclick }, 'text', child, …). Children that are null or false are left out.
 * Properties beginning with "on" are listeners, all others attributes.
 */
export function h(name, props, ...children) {
  if (props === null || typeof props !== 'object' || props instanceof Node || Array.isArray(props)) {
    children.unshift(props);
    props = {};
  }
  const [tag, ...classes] = name.split('.');
  const element = document.createElement(tag);
  if (classes.length) {
    element.className = classes.join(' ');
  }
  for (const [key, value] of Object.entries(props)) {
    if (key.startsWith('on')) {
      element.addEventListener(key.slice(2), value);
    } else if (value === true) {
      element.setAttribute(key, '');
    } else if (value !== false && value !== null && value !== undefined) {
      element.setAttribute(key, clean(value));
    }
  }
  element.append(...nodes(children));
  return element;
}

const nodes = children => children.flat(Infinity).filter(child => child !== null && child !== undefined && child !== false)
  .map(child => child instanceof Node ? child : document.createTextNode(clean(child)));

/** Puts children in the place of what is there. */
export function fill(element, ...children) {
  element.replaceChildren(...nodes(children));
  return element;
}

/** A table for people and screen readers; cells are children, or { th: child } for a row's heading. */
export function table(caption, headings, rows, { className = '', empty = 'Nothing.' } = {}) {
  if (rows.length === 0) {
    return h('p.none', empty);
  }
  return h(`div.scroll`, { tabindex: '0', role: 'region', 'aria-label': caption },
    h(`table${className ? '.' + className : ''}`,
      h('caption.sr', caption),
      h('thead', h('tr', headings.map(text => h('th', { scope: 'col', class: text.startsWith('#') ? 'num' : null }, text.replace('#', ''))))),
      h('tbody', rows.map(row => row instanceof Node ? row : h('tr', row.map((cell, i) => {
        const number = headings[i]?.startsWith('#') ? 'num' : null;
        const label = (headings[i] ?? '').replace('#', '');
        return i === 0 ? h('th', { scope: 'row', class: number, 'data-label': label }, cell) : h('td', { class: number, 'data-label': label }, cell);
      }))))));
}

let saying = 0;

/** Tells a screen reader, once things are calm. */
export function say(text) {
  clearTimeout(saying);
  saying = setTimeout(() => { document.getElementById('say').textContent = clean(text); }, 150);
}

/** A button that copies, and says so. */
export function copyButton(text, label = 'Copy') {
  const button = h('button.small', { type: 'button', onclick: async () => {
    try {
      await navigator.clipboard.writeText(text());
      button.textContent = 'Copied';
      say('Copied');
    } catch {
      button.textContent = 'Not copied: mark it and press Ctrl+C';
    }
    setTimeout(() => { button.textContent = label; }, 2000);
  } }, label);
  return button;
}

/** Opens the one dialog. */
export function showDialog(title, ...children) {
  const dialog = document.getElementById('dialog');
  fill(dialog,
    h('div.dialog-head', h('h2', { id: 'dialog-title' }, title), h('button.icon', { type: 'button', onclick: () => dialog.close() }, h('span', { 'aria-hidden': 'true' }, '×'), h('span.sr', 'Close'))),
    children);
  if (!dialog.open) {
    dialog.showModal();
  }
}
