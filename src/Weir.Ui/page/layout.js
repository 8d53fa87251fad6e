// SPDX-License-Identifier: Apache-2.0
// Where nodes are. A node that has a place keeps it: boxes of groups grow, and move as a whole only where they would lie on
// one another. The same nodes and edges that come at once lie always the same.

export const NODE = { w: 148, h: 40 };
const GAP = { x: 84, y: 14 };
const PAD = { x: 16, top: 30, bottom: 16 };
const BETWEEN = 56;

const STEP = { x: NODE.w + GAP.x, y: NODE.h + GAP.y };
const byKey = (a, b) => a.key < b.key ? -1 : a.key > b.key ? 1 : 0;

/** Whom a node stands with: its compose project, the containers of no project, those outside who come in, or those beyond, who
 * are only reached. */
function groupOf(node, edges) {
  if (node.kind === 'container') {
    return node.group ? 'p:' + node.group : 'containers';
  }
  return edges.some(edge => edge.to === node.id) && !edges.some(edge => edge.from === node.id) ? 'beyond' : 'outside';
}

export class Layout {
  #cells = new Map(); // node's id → { group, column, row }
  #groups = new Map(); // group → { x, y, columns, rows, taken }

  get boxes() {
    return this.#groups;
  }

  /** Where a node's upper left corner is. */
  placeOf(id) {
    const cell = this.#cells.get(id);
    const group = this.#groups.get(cell?.group);
    return group && { x: group.x + PAD.x + cell.column * STEP.x, y: group.y + PAD.top + cell.row * STEP.y };
  }

  /** Gives those a place that have none, for a picture so much wider than high; returns whether there were any. */
  add(nodes, edges, aspect = 1.7) {
    const news = nodes.filter(node => !this.#cells.has(node.id)).sort(byKey);
    if (news.length === 0) {
      return false;
    }
    const isFirst = this.#cells.size === 0;
    const groups = new Map(news.map(node => [node.id, groupOf(node, edges)]));
    const ranks = rank(news, edges, groups);
    const members = Map.groupBy(news, node => groups.get(node.id));
    for (const name of [...members.keys()].sort()) {
      this.#place(name, members.get(name), ranks, edges);
    }
    isFirst ? this.#pack(aspect) : this.#apart();
    return true;
  }

  /** Begins anew. */
  clear() {
    this.#cells.clear();
    this.#groups.clear();
  }

  #place(name, nodes, ranks, edges) {
    let group = this.#groups.get(name);
    const isNew = !group;
    group ??= { x: 0, y: 0, columns: 0, rows: 0, taken: new Set() };
    this.#groups.set(name, group);
    // As high as it is wide, about.
    const most = isNew ? Math.max(3, Math.ceil(Math.sqrt(nodes.length * STEP.x / STEP.y * 0.55))) : Math.max(group.rows, 3);
    const rows = this.#rowsOf(edges);
    let column = 0;
    for (const level of [...new Set(nodes.map(node => ranks.get(node.id)))].sort((a, b) => a - b)) {
      const inLevel = nodes.filter(node => ranks.get(node.id) === level)
        .map(node => ({ node, at: rows(node.id) }))
        .sort((a, b) => a.at - b.at || byKey(a.node, b.node));
      for (let i = 0; i < inLevel.length; i++) {
        this.#put(name, group, inLevel[i].node.id, isNew ? column + Math.floor(i / most) : level, most);
      }
      column += Math.ceil(inLevel.length / most);
    }
    if (isNew) {
      // Below all, until they are set apart.
      group.y = Math.max(0, ...[...this.#groups.values()].filter(other => other !== group).map(other => other.y + heightOf(other) + BETWEEN));
    }
  }

  /** The first free place from a column on. */
  #put(name, group, id, from, most) {
    for (let column = from; ; column++) {
      for (let row = 0; row < most; row++) {
        const place = `${column}:${row}`;
        if (!group.taken.has(place)) {
          group.taken.add(place);
          group.columns = Math.max(group.columns, column + 1);
          group.rows = Math.max(group.rows, row + 1);
          this.#cells.set(id, { group: name, column, row });
          return;
        }
      }
    }
  }

  /** Near whom a node speaks with, of those that have a place. */
  #rowsOf(edges) {
    const sums = new Map();
    const note = (id, other) => {
      const cell = this.#cells.get(other);
      if (cell) {
        const sum = sums.get(id) ?? { n: 0, rows: 0 };
        sums.set(id, { n: sum.n + 1, rows: sum.rows + cell.row });
      }
    };
    return id => {
      sums.delete(id);
      for (const edge of edges) {
        if (edge.from === id) {
          note(id, edge.to);
        } else if (edge.to === id) {
          note(id, edge.from);
        }
      }
      const sum = sums.get(id);
      return sum ? sum.rows / sum.n : 1e6;
    };
  }

  /** The first time: those outside at the left, the others on shelves beside them, the largest first, those beyond at the right. */
  #pack(aspect) {
    const isHigh = aspect < 0.9;
    const outside = this.#groups.get('outside');
    let [left, top] = [0, 0];
    if (outside) {
      [outside.x, outside.y] = [0, 0];
      isHigh ? top = heightOf(outside) + BETWEEN : left = widthOf(outside) + BETWEEN;
    }
    const beyond = this.#groups.get('beyond');
    const others = [...this.#groups].filter(([name]) => name !== 'outside' && name !== 'beyond')
      .sort(([a, x], [b, y]) => y.taken.size - x.taken.size || (a < b ? -1 : 1)).map(([, group]) => group);
    const area = others.reduce((sum, group) => sum + (widthOf(group) + BETWEEN) * (heightOf(group) + BETWEEN), 0);
    const width = Math.max(Math.sqrt(area * aspect), ...others.map(widthOf));
    let [x, y, shelf] = [0, top, 0];
    for (const group of others) {
      if (x > 0 && x + widthOf(group) > width) {
        [x, y, shelf] = [0, y + shelf + BETWEEN, 0];
      }
      [group.x, group.y] = [left + x, y];
      x += widthOf(group) + BETWEEN;
      shelf = Math.max(shelf, heightOf(group));
    }
    if (beyond) {
      [beyond.x, beyond.y] = isHigh ? [0, y + shelf + BETWEEN] : [Math.max(left, ...others.map(group => group.x + widthOf(group) + BETWEEN)), 0];
    }
  }

  /** Later: only boxes that have come to lie on others move, down. */
  #apart() {
    const done = [];
    for (const group of [...this.#groups.values()].sort((a, b) => a.y - b.y || a.x - b.x)) {
      for (let hit; (hit = done.find(other => overlap(group, other)));) {
        group.y = hit.y + heightOf(hit) + BETWEEN;
      }
      done.push(group);
    }
  }
}

export const widthOf = group => PAD.x * 2 + group.columns * STEP.x - GAP.x;
export const heightOf = group => PAD.top + PAD.bottom + group.rows * STEP.y - GAP.y;

const overlap = (a, b) => a.x < b.x + widthOf(b) + BETWEEN / 2 && b.x < a.x + widthOf(a) + BETWEEN / 2
  && a.y < b.y + heightOf(b) + BETWEEN / 2 && b.y < a.y + heightOf(a) + BETWEEN / 2;

/** How far right: after those who open connections to it, within its group; a circle is cut where it is come to again. */
function rank(nodes, edges, groups) {
  const into = new Map();
  for (const edge of edges) {
    if (edge.from !== edge.to && groups.has(edge.from) && groups.get(edge.from) === groups.get(edge.to)) {
      into.set(edge.to, [...(into.get(edge.to) ?? []), edge.from].sort((a, b) => a - b));
    }
  }
  const ranks = new Map();
  const asking = new Set();
  const of = id => {
    if (ranks.has(id)) {
      return ranks.get(id);
    }
    asking.add(id);
    const before = (into.get(id) ?? []).filter(other => !asking.has(other)).map(of);
    asking.delete(id);
    const found = Math.min(before.length ? Math.max(...before) + 1 : 0, 7);
    ranks.set(id, found);
    return found;
  };
  nodes.forEach(node => of(node.id));
  return ranks;
}
