// SPDX-License-Identifier: Apache-2.0
// The server's questions. The key is this origin's alone: a cookie would go to every port of this host.

const KEY = 'weir-key';
const SILENT = 15000; // ms after which a stream that should beat is dead
const HIDDEN = 60000; // ms for which a page that nobody looks at goes on listening
const BETWEEN = 1500;

export class AgentError extends Error {
  constructor(status, text) {
    super(text);
    this.status = status;
  }
}

let key = read();

function read() {
  try {
    return localStorage.getItem(KEY) ?? '';
  } catch {
    return ''; // storage is off: the key lives as long as the page
  }
}

/** Exchanges the address's token, good once, and takes it out of the address and the history. */
export async function openSession() {
  const token = /^#token=([\w-]+)$/.exec(location.hash)?.[1];
  if (!token) {
    return;
  }
  history.replaceState(null, '', location.pathname + location.search);
  const answer = await fetch('/session', { method: 'POST', body: token });
  if (answer.ok) {
    key = await answer.json();
    try {
      localStorage.setItem(KEY, key);
    } catch { /* as above */ }
  }
}

const address = (question, query) => {
  const text = new URLSearchParams(query ?? '').toString();
  return `/api/${question}${text ? '?' + text : ''}`;
};

const open = (question, query, init) => fetch(address(question, query), { ...init, headers: { authorization: `Bearer ${key}` } });

async function refused(answer) {
  let text = `the page's server answered ${answer.status}`;
  try {
    text = (await answer.json()).error ?? text;
  } catch { /* no JSON: the status says it */ }
  return new AgentError(answer.status, text);
}

/** Asks once. */
export async function ask(question, query, { signal, body } = {}) {
  let answer;
  try {
    answer = await open(question, query, { signal, ...(body === undefined ? {} : { method: 'POST', body }) });
  } catch (e) {
    throw signal?.aborted ? e : new AgentError(0, '"weir ui" has ended: start it again, and open the link that it prints');
  }
  if (!answer.ok) {
    throw await refused(answer);
  }
  return answer.json();
}

/**
 * Listens to a stream of lines, again whenever it ends, and not while nobody looks at the page.
 * onState(null): it is there; onState(text): why it is not. again(): what to ask for the next time.
 * Returns what ends it.
 */
export function listen(question, query, onLine, onState, { again = query => query } = {}) {
  let stop = new AbortController();
  let timer = 0;
  let hidden = 0;
  let ended = false;
  let asks = query;

  const once = async () => {
    const mine = stop = new AbortController();
    let silence = 0;
    const alive = () => {
      clearTimeout(silence);
      silence = setTimeout(() => mine.abort(), SILENT);
    };
    let problem = '"weir ui" does not answer: trying again';
    try {
      alive();
      const answer = await open(question, asks, { signal: mine.signal });
      if (!answer.ok) {
        throw await refused(answer);
      }
      onState(null);
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      let rest = '';
      for (;;) {
        const { done, value } = await reader.read();
        if (done) {
          break;
        }
        alive();
        const lines = (rest + value).split('\n');
        rest = lines.pop();
        for (const line of lines) {
          onLine(JSON.parse(line));
        }
      }
    } catch (e) {
      if (e instanceof AgentError) {
        problem = e.message;
        ended ||= e.status === 400 || e.status === 401;
      }
    } finally {
      clearTimeout(silence);
    }
    if (mine === stop && !ended) {
      asks = again(query);
      timer = setTimeout(once, BETWEEN);
    }
    if (mine === stop && hidden !== -1) {
      onState(problem);
    }
  };

  const look = () => {
    clearTimeout(hidden);
    if (document.hidden) {
      hidden = setTimeout(() => {
        hidden = -1;
        clearTimeout(timer);
        const old = stop;
        stop = null;
        old?.abort();
      }, HIDDEN);
    } else if (hidden === -1 && !ended) {
      hidden = 0;
      asks = again(query);
      once();
    }
  };
  document.addEventListener('visibilitychange', look);
  once();
  return () => {
    ended = true;
    document.removeEventListener('visibilitychange', look);
    clearTimeout(timer);
    clearTimeout(hidden);
    const old = stop;
    stop = null;
    old?.abort();
  };
}
