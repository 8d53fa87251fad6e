// SPDX-License-Identifier: Apache-2.0
// The search, over what is in search-index.js: [address, page, heading, text]. Works without a server.
'use strict';

const MOST = 12;
const base = document.body.dataset.base;
const box = document.getElementById('search');
const found = document.getElementById('found');
const sections = INDEX.map(([address, page, heading, text]) => ({ address, page, heading, text, words: text.toLowerCase(), title: `${page} ${heading}`.toLowerCase() }));

/** All words must be there; where they stand in a title counts most. */
function search(question) {
  const words = question.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) {
    return [];
  }
  return sections.map(section => {
    let score = 0;
    for (const word of words) {
      const inTitle = section.title.includes(word);
      const inText = section.words.includes(word);
      if (!inTitle && !inText) {
        return null;
      }
      score += (inTitle ? 10 : 0) + (section.heading.toLowerCase().includes(word) ? 6 : 0) + (inText ? 1 + Math.min(3, section.words.split(word).length - 1) : 0);
    }
    return { section, score };
  }).filter(Boolean).sort((a, b) => b.score - a.score).slice(0, MOST);
}

/** The text around the first word of the question. */
function excerpt(section, question) {
  const word = question.toLowerCase().split(/\s+/).find(one => section.words.includes(one)) ?? '';
  const at = Math.max(0, section.words.indexOf(word) - 60);
  return (at > 0 ? '…' : '') + section.text.slice(at, at + 150).replace(/\s+/g, ' ').trim() + '…';
}

function element(name, text) {
  const made = document.createElement(name);
  made.textContent = text;
  return made;
}

function show() {
  const question = box.value.trim();
  const results = search(question);
  found.replaceChildren(...results.map(({ section }) => {
    const link = element('a', '');
    link.href = base + section.address;
    link.append(element('b', section.heading || section.page), element('small', section.heading ? section.page : ''), element('small', excerpt(section, question)));
    const item = element('li', '');
    item.append(link);
    return item;
  }));
  if (question && results.length === 0) {
    found.append(element('p', 'Nothing has all of these words.'));
  }
  found.hidden = !question;
}

box.addEventListener('input', show);
box.addEventListener('focus', show);
document.addEventListener('click', e => {
  if (!e.target.closest('.search')) {
    found.hidden = true;
  }
});
document.addEventListener('keydown', e => {
  const links = [...found.querySelectorAll('a')];
  const at = links.indexOf(document.activeElement);
  if (e.key === '/' && document.activeElement !== box && !e.ctrlKey && !e.metaKey) {
    e.preventDefault();
    box.focus();
    box.select();
  } else if (e.key === 'Escape') {
    found.hidden = true;
    box.blur();
  } else if (e.key === 'Enter' && document.activeElement === box && links.length > 0) {
    links[0].click();
  } else if ((e.key === 'ArrowDown' || e.key === 'ArrowUp') && !found.hidden && (at >= 0 || document.activeElement === box)) {
    e.preventDefault();
    const next = at + (e.key === 'ArrowDown' ? 1 : -1);
    (next < 0 ? box : links[Math.min(next, links.length - 1)])?.focus();
  }
});

const button = document.getElementById('menu-button');
const menu = document.getElementById('menu');
button.addEventListener('click', () => button.setAttribute('aria-expanded', String(menu.toggleAttribute('data-open'))));
menu.querySelector('[aria-current]')?.scrollIntoView({ block: 'nearest' });
