// SPDX-License-Identifier: Apache-2.0
// The map's picture. What stands still is painted once, and again when something changes; what moves is put on top.

import { NODE, heightOf, widthOf } from './layout.js';
import { clean } from './dom.js';
import { count, millis, rate } from './words.js';

const FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif';
const MOST_PULSES = 240;
const LABELS = 40; // edges with words at once

export function coloursOf(element) {
  const style = getComputedStyle(element);
  return Object.fromEntries(['bg', 'surface', 'sunk', 'line', 'text', 'muted', 'accent', 'edge', 'denied', 'ok', 'warn'].map(name => [name, style.getPropertyValue('--' + name).trim()]));
}

export class Picture {
  #canvas;
  #still = document.createElement('canvas');
  #texts = new Map();
  #paths = [];
  #strength = 1;
  #painted = { scale: 1, x: 0, y: 0 };
  scale = 1;
  x = 0;
  y = 0;
  width = 0;
  height = 0;
  colours = {};

  constructor(canvas) {
    this.#canvas = canvas;
  }

  resize() {
    const ratio = Math.min(devicePixelRatio || 1, 2);
    const box = this.#canvas.getBoundingClientRect();
    [this.width, this.height] = [box.width, box.height];
    for (const canvas of [this.#canvas, this.#still]) {
      canvas.width = Math.max(1, Math.round(box.width * ratio));
      canvas.height = Math.max(1, Math.round(box.height * ratio));
    }
    this.ratio = ratio;
  }

  /** Shows all of it, and no larger than it is. */
  fit(layout) {
    let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
    for (const box of layout.boxes.values()) {
      left = Math.min(left, box.x);
      top = Math.min(top, box.y);
      right = Math.max(right, box.x + widthOf(box));
      bottom = Math.max(bottom, box.y + heightOf(box));
    }
    if (left === Infinity) {
      return;
    }
    const margin = 28;
    this.scale = Math.min(1.15, (this.width - margin * 2) / (right - left), (this.height - margin * 2) / (bottom - top));
    // On a phone what is seen is read, and the rest is a swipe away.
    this.scale = Math.max(this.scale, this.width < 640 ? 0.5 : 0.08);
    this.x = Math.max(margin / 2, (this.width - (right - left) * this.scale) / 2) - left * this.scale;
    this.y = Math.max(margin, (this.height - (bottom - top) * this.scale) / 2) - top * this.scale;
  }

  zoom(by, x = this.width / 2, y = this.height / 2) {
    const scale = Math.min(3, Math.max(0.08, this.scale * by));
    this.x = x - (x - this.x) * scale / this.scale;
    this.y = y - (y - this.y) * scale / this.scale;
    this.scale = scale;
  }

  toMap(x, y) {
    return { x: (x - this.x) / this.scale, y: (y - this.y) / this.scale };
  }

  /** Paints all that stands still. */
  paint({ layout, nodes, edges, chosen, hovered, dims }) {
    const c = this.#still.getContext('2d');
    const col = this.colours;
    this.#painted = { scale: this.scale, x: this.x, y: this.y };
    c.setTransform(1, 0, 0, 1, 0, 0);
    c.fillStyle = col.bg;
    c.fillRect(0, 0, this.#still.width, this.#still.height);
    c.setTransform(this.ratio * this.scale, 0, 0, this.ratio * this.scale, this.ratio * this.x, this.ratio * this.y);
    c.textBaseline = 'middle';
    for (const [name, box] of layout.boxes) {
      this.#box(c, name, box);
    }
    const near = chosen ?? hovered;
    const touches = edge => near === null || edge.from === near || edge.to === near;
    const neighbours = new Set(near === null ? [] : edges.flatMap(edge => touches(edge) ? [edge.from, edge.to] : []));
    this.#paths = [];
    // Of hundreds each is fainter, so that all of them are no wall.
    this.#strength = Math.min(1, Math.max(0.45, 120 / edges.length));
    const drawn = edges.map(edge => ({ edge, from: layout.placeOf(edge.from), to: layout.placeOf(edge.to) })).filter(e => e.from && e.to);
    for (const { edge, from, to } of drawn) {
      this.#edge(c, edge, pathOf(from, to, edge.from === edge.to, edge.hasBack), touches(edge) && !dims?.(edge));
    }
    for (const node of nodes) {
      const at = layout.placeOf(node.id);
      if (at) {
        this.#node(c, node, at, node.id === chosen, node.id === hovered, dims?.(node) || (near !== null && node.id !== near && !neighbours.has(node.id)));
      }
    }
    if (this.scale >= 0.55) {
      const spoken = drawn.filter(({ edge }) => (edge.rate > 0 || near !== null && edge.denied + edge.flows + edge.requests > 0) && touches(edge) && !dims?.(edge))
        .sort((a, b) => b.edge.rate - a.edge.rate).slice(0, LABELS);
      // Words that would cover others are left out: the busiest have the room.
      const room = nodes.map(node => layout.placeOf(node.id)).filter(Boolean).map(at => ({ left: at.x, right: at.x + NODE.w, top: at.y, bottom: at.y + NODE.h }));
      for (const { edge, from, to } of spoken) {
        this.#words(c, edge, pathOf(from, to, edge.from === edge.to, edge.hasBack), near !== null, room);
      }
    }
  }

  /** Puts it on the screen, with what moves. Where somebody moves the map, what is painted already is moved, and painted anew
   * once he rests. */
  show(time, moves) {
    const c = this.#canvas.getContext('2d');
    const was = this.#painted;
    const by = this.scale / was.scale;
    c.setTransform(1, 0, 0, 1, 0, 0);
    if (by !== 1 || was.x !== this.x || was.y !== this.y) {
      c.fillStyle = this.colours.bg;
      c.fillRect(0, 0, this.#canvas.width, this.#canvas.height);
      c.setTransform(by, 0, 0, by, this.ratio * (this.x - was.x * by), this.ratio * (this.y - was.y * by));
    }
    c.drawImage(this.#still, 0, 0);
    if (!moves) {
      return;
    }
    c.setTransform(this.ratio * this.scale, 0, 0, this.ratio * this.scale, this.ratio * this.x, this.ratio * this.y);
    let left = MOST_PULSES;
    for (const { path, rate, colour, seed } of this.#paths) {
      const dots = Math.min(3, 1 + Math.floor(Math.log10(1 + rate)));
      c.fillStyle = colour;
      for (let i = 0; i < dots && left > 0; i++, left--) {
        const t = (time / 2400 + seed + i / dots) % 1;
        const [x, y] = pointAt(path, t);
        c.globalAlpha = Math.sin(Math.PI * t) * 0.9;
        c.beginPath();
        c.arc(x, y, 2.4, 0, 7);
        c.fill();
      }
    }
    c.globalAlpha = 1;
  }

  #box(c, name, box) {
    const col = this.colours;
    c.beginPath();
    c.roundRect(box.x, box.y, widthOf(box), heightOf(box), 12);
    const isOutside = name === 'outside' || name === 'beyond';
    c.fillStyle = isOutside ? 'transparent' : col.sunk;
    c.fill();
    c.strokeStyle = col.line;
    c.lineWidth = 1;
    c.setLineDash(isOutside ? [4, 4] : []);
    c.stroke();
    c.setLineDash([]);
    c.fillStyle = col.muted;
    c.font = `600 11.5px ${FONT}`;
    c.fillText(this.#fit(c, name.startsWith('p:') ? name.slice(2) : { outside: 'Outside', beyond: 'Reached outside' }[name] ?? 'Containers', widthOf(box) - 32), box.x + 16, box.y + 16);
  }

  #node(c, node, at, isChosen, isHovered, isDim) {
    const col = this.colours;
    c.globalAlpha = isDim ? 0.3 : node.kind === 'container' && node.here === 0 ? 0.6 : 1;
    c.beginPath();
    c.roundRect(at.x, at.y, NODE.w, NODE.h, node.kind === 'container' ? 8 : 20);
    c.fillStyle = col.surface;
    c.fill();
    c.strokeStyle = isChosen ? col.accent : isHovered ? col.muted : col.line;
    c.lineWidth = isChosen ? 2.5 : 1.2;
    c.setLineDash(node.kind === 'container' && node.here === 0 ? [3, 3] : []);
    c.stroke();
    c.setLineDash([]);
    if (node.deniedRate > 0) {
      c.fillStyle = col.denied;
      c.beginPath();
      c.arc(at.x + NODE.w - 13, at.y + NODE.h / 2, 4, 0, 7);
      c.fill();
    }
    const room = NODE.w - 28 - (node.deniedRate > 0 ? 12 : 0);
    const below = node.below;
    c.fillStyle = col.text;
    c.font = `600 13px ${FONT}`;
    c.fillText(this.#fit(c, node.name, room), at.x + 14, at.y + (below ? 14.5 : NODE.h / 2 + 0.5));
    if (below) {
      c.fillStyle = col.muted;
      c.font = `11px ${FONT}`;
      c.fillText(this.#fit(c, below, room), at.x + 14, at.y + 28.5);
    }
    c.globalAlpha = 1;
  }

  #edge(c, edge, path, isNear) {
    const col = this.colours;
    const allowed = edge.flows + edge.requests - edge.denied;
    const kinds = [];
    if (allowed > 0 || edge.denied === 0) {
      kinds.push({ rate: Math.max(0, edge.rate - edge.deniedRate), colour: edge.audited > 0 ? col.warn : edge.rate - edge.deniedRate > 0.004 ? col.accent : col.edge, dash: [] });
    }
    if (edge.denied > 0) {
      kinds.push({ rate: edge.deniedRate, colour: col.denied, dash: [6, 4] });
    }
    kinds.forEach((kind, i) => {
      const moved = shift(path, kinds.length === 1 ? 0 : i === 0 ? -3 : 3);
      c.globalAlpha = isNear ? (kind.rate > 0 ? 0.72 : 0.5) * (kind.dash.length ? 1 : this.#strength) : 0.1;
      c.strokeStyle = c.fillStyle = kind.colour;
      c.lineWidth = Math.min(5, 1.1 + Math.log10(1 + kind.rate) * 1.2);
      c.setLineDash(kind.dash);
      c.beginPath();
      c.moveTo(moved[0], moved[1]);
      c.bezierCurveTo(moved[2], moved[3], moved[4], moved[5], moved[6], moved[7]);
      c.stroke();
      c.setLineDash([]);
      arrow(c, moved);
      c.globalAlpha = 1;
      if (isNear && kind.rate > 0) {
        this.#paths.push({ path: moved, rate: kind.rate, colour: kind.colour, seed: (edge.id * 0.37) % 1 });
      }
    });
  }

  #words(c, edge, path, isNear, room) {
    const parts = [edge.rate > 0 ? rate(edge.rate) : isNear ? count(edge.flows + edge.requests) : '', millis(edge.p99), edge.audited > 0 && isNear ? `${count(edge.audited)} audited` : '', edge.denied > 0 && isNear ? `${count(edge.denied)} denied` : ''].filter(Boolean);
    if (parts.length === 0) {
      return;
    }
    const col = this.colours;
    const text = parts.join(' · ');
    c.font = `500 10.5px ${FONT}`;
    const width = this.#widthOf(c, text) + 12;
    const place = [0.5, 0.4, 0.62, 0.3, 0.72].map(t => pointAt(path, t)).find(([x, y]) =>
      !room.some(other => x - width / 2 < other.right && x + width / 2 > other.left && y - 9 < other.bottom && y + 9 > other.top));
    if (!place) {
      return;
    }
    const [x, y] = place;
    room.push({ left: x - width / 2, right: x + width / 2, top: y - 9, bottom: y + 9 });
    c.beginPath();
    c.roundRect(x - width / 2, y - 9, width, 18, 9);
    c.fillStyle = col.bg;
    c.globalAlpha = 0.92;
    c.fill();
    c.globalAlpha = 1;
    c.fillStyle = edge.deniedRate > 0 ? col.denied : col.muted;
    c.fillText(text, x - width / 2 + 6, y + 0.5);
  }

  /** Text that fits, measured once. */
  #fit(c, text, room) {
    const key = `${c.font}|${room}|${text}`;
    let fits = this.#texts.get(key);
    if (fits === undefined) {
      fits = clean(text);
      if (c.measureText(fits).width > room) {
        let [low, high] = [0, fits.length];
        while (low < high) {
          const middle = (low + high + 1) >> 1;
          c.measureText(fits.slice(0, middle) + '…').width <= room ? low = middle : high = middle - 1;
        }
        fits = fits.slice(0, low).trimEnd() + '…';
      }
      this.#remember(key, fits);
    }
    return fits;
  }

  #widthOf(c, text) {
    const key = `${c.font}|width|${text.replace(/\d/g, '0')}`;
    let width = this.#texts.get(key);
    if (width === undefined) {
      width = c.measureText(text).width;
      this.#remember(key, width);
    }
    return width;
  }

  #remember(key, value) {
    if (this.#texts.size > 5000) {
      this.#texts.clear();
    }
    this.#texts.set(key, value);
  }
}

/** From side to side: [x, y, x of a handle, y, x, y, x, y]. */
export function pathOf(a, b, isSelf, hasBack) {
  const { w, h } = NODE;
  const lift = hasBack ? 7 : 0;
  if (isSelf) {
    return [a.x + w - 30, a.y, a.x + w - 20, a.y - 34, a.x + w + 34, a.y - 10, a.x + w, a.y + h / 2 - 6];
  }
  if (b.x > a.x + w + 10) {
    const reach = Math.max(40, (b.x - a.x - w) * 0.5);
    return [a.x + w, a.y + h / 2 - lift, a.x + w + reach, a.y + h / 2 - lift, b.x - reach, b.y + h / 2 - lift, b.x, b.y + h / 2 - lift];
  }
  if (b.x + w + 10 < a.x) {
    const reach = Math.max(40, (a.x - b.x - w) * 0.5);
    return [a.x, a.y + h / 2 + lift, a.x - reach, a.y + h / 2 + lift, b.x + w + reach, b.y + h / 2 + lift, b.x + w, b.y + h / 2 + lift];
  }
  const out = 34 + Math.min(60, Math.abs(a.y - b.y) * 0.12);
  return [a.x + w, a.y + h / 2, a.x + w + out, a.y + h / 2, b.x + w + out, b.y + h / 2, b.x + w, b.y + h / 2];
}

const shift = (p, by) => by === 0 ? p : [p[0], p[1] + by, p[2], p[3] + by, p[4], p[5] + by, p[6], p[7] + by];

export function pointAt(p, t) {
  const s = 1 - t;
  const [a, b, c, d] = [s * s * s, 3 * s * s * t, 3 * s * t * t, t * t * t];
  return [a * p[0] + b * p[2] + c * p[4] + d * p[6], a * p[1] + b * p[3] + c * p[5] + d * p[7]];
}

function arrow(c, p) {
  const angle = Math.atan2(p[7] - p[5], p[6] - p[4]);
  c.beginPath();
  c.moveTo(p[6], p[7]);
  c.lineTo(p[6] - 8 * Math.cos(angle - 0.42), p[7] - 8 * Math.sin(angle - 0.42));
  c.lineTo(p[6] - 8 * Math.cos(angle + 0.42), p[7] - 8 * Math.sin(angle + 0.42));
  c.fill();
}

/** The node at a point of the map. */
export function nodeAt(layout, nodes, { x, y }) {
  return nodes.find(node => {
    const at = layout.placeOf(node.id);
    return at && x >= at.x && x <= at.x + NODE.w && y >= at.y && y <= at.y + NODE.h;
  }) ?? null;
}

/** The nearest node in a direction, as eyes would find it. */
export function nextNode(layout, nodes, from, dx, dy) {
  const start = layout.placeOf(from);
  let [best, least] = [null, Infinity];
  for (const node of nodes) {
    const at = layout.placeOf(node.id);
    if (node.id === from || !at || !start) {
      continue;
    }
    const along = (at.x - start.x) * dx + (at.y - start.y) * dy;
    const aside = Math.abs((at.x - start.x) * dy) + Math.abs((at.y - start.y) * dx);
    const cost = along + aside * 2.5;
    if (along > 5 && cost < least) {
      [best, least] = [node, cost];
    }
  }
  return best;
}
