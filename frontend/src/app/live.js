// Live: a doorbell says that something happened, /inbox/changes says what. The cursor moves on only by that answer.
import { io } from 'socket.io-client';
import { $, $$, freshToken, mine, word } from './util.js';

const QUIET_MS = 300;
const POLL_MS = 4000; // without a socket
const SAVED_MS = 5000;
const CALM_MS = 60_000; // even with one: whether the worker lives, and doorbells that never rang
const inbox = document.body.dataset.page === 'inbox';

const state = {
  cursor: inbox ? Number(document.body.dataset.cursor) : Number.MAX_SAFE_INTEGER, // what was fetched
  shown: inbox ? Number(document.body.dataset.cursor) : Number.MAX_SAFE_INTEGER, // what of it is on the page
  fetching: false, again: false, timer: 0, lastEnd: 0, lastBell: 0, lastMs: 0,
  waiting: 0, connected: false, everConnected: false, failing: 0, signedOut: false, worker: true, applied: 0,
  behind: false, slow: 0, awake: Date.now(),
};

export const emit = (event, payload) => socket?.connected && socket.emit(event, payload);
export const cursor = () => state.cursor;
// For tests and other modules of the page: whether doorbells are heard, and where the cursor stands.
window.hdLive = { get connected() { return state.connected; }, get cursor() { return state.shown; } };
export const online = () => state.failing === 0 && navigator.onLine;

// --- when to fetch -----------------------------------------------------------------------------------------

/** Something happened. The first bell after a quiet while fetches at once; then no more often than the server likes. */
export function ring() {
  const now = performance.now();
  const quiet = now - Math.max(state.lastBell, state.lastEnd) > QUIET_MS;
  state.lastBell = now;
  if (document.hidden) return void (state.again = true);
  if (state.fetching) return void (state.again = true);
  if (quiet) return void fetchNow();
  if (state.timer) return;
  const pause = Math.max(QUIET_MS, 5 * state.lastMs) * (1 + Math.random() * 0.25);
  state.timer = setTimeout(fetchNow, Math.max(0, state.lastEnd + pause - now));
}

function question() {
  const asked = new URLSearchParams({ after: state.cursor });
  const list = $('#list');
  if (!inbox || !state.applied || state.recount) asked.set('counts', '1'), (state.recount = false);
  if (list) {
    for (const [key, value] of new URLSearchParams(list.dataset.query)) asked.set(key, value);
    asked.set('rows', $$('#rows > [data-id]').map((row) => row.dataset.id).slice(0, 500).join(','));
  }
  const ticket = $('#ticket');
  if (ticket) asked.set('ticket', ticket.dataset.ticket);
  return asked;
}

export async function fetchNow() {
  clearTimeout(state.timer);
  state.timer = 0;
  if (state.fetching) return void (state.again = true);
  if (state.signedOut) return;
  state.fetching = true;
  state.again = false;
  const begun = performance.now();
  try {
    const asked = question();
    const response = await fetch(`/inbox/changes?${asked}`, { headers: { Accept: 'application/json' }, credentials: 'same-origin' });
    if (response.status === 401) return signedOut();
    if (!response.ok) throw new Error(`${response.status}`);
    const answer = { ...(await response.json()), askedTicket: asked.get('ticket') };
    if (!mine(answer.agent)) return;
    state.failing = 0;
    caughtUp();
    await apply(answer);
  } catch {
    state.failing += 1;
  } finally {
    state.fetching = false;
    state.lastEnd = performance.now();
    state.lastMs = state.lastEnd - begun;
    bar();
    if (state.failing && navigator.onLine && !state.timer) state.timer = setTimeout(fetchNow, Math.min(POLL_MS, 500 * 2 ** (state.failing - 1)));
    else if (state.again && !document.hidden && !state.failing) ring();
  }
}

/** What was said in the open ticket is shown first, all the rest of the page a frame later. */
async function apply(answer) {
  const reset = answer.reset && inbox && state.applied;
  state.cursor = answer.cursor;
  if (answer.ticket?.tail && !document.hidden) {
    document.dispatchEvent(new CustomEvent('hd:said', { detail: answer }));
    await nextFrame();
  }
  state.waiting = 0;
  state.applied += 1;
  if (answer.worker !== undefined) state.worker = answer.worker;
  if (answer.counts) paintCounts(answer.counts);
  if (answer.events?.length && $('.hd-nav [data-count^=v]')) countSavedSoon();
  document.dispatchEvent(new CustomEvent(reset ? 'hd:reset' : 'hd:changes', { detail: answer }));
  state.shown = answer.cursor;
}

// Saved views are counted again a while after something happened: each costs a question of its own.
let counting = 0;
function countSavedSoon() {
  counting ||= setTimeout(() => {
    counting = 0;
    state.recount = true;
    if (!document.hidden) fetchNow();
  }, SAVED_MS + 20 * state.lastMs);
}

/** After the next frame is on the screen; soon in any case, for a page that is not drawn now. */
function nextFrame() {
  return new Promise((done) => {
    requestAnimationFrame(() => setTimeout(done));
    setTimeout(done, 100);
  });
}

export function paintCounts(counts) {
  for (const element of $$('[data-count]')) {
    const value = counts[element.dataset.count];
    if (value === undefined) continue;
    element.textContent = value || (element.closest('.hd-list-head') ? '0' : '');
    element.hidden = !value && !element.closest('.hd-list-head');
  }
}

// --- the thin bar ------------------------------------------------------------------------------------------

function bar() {
  const box = $('#live-bar');
  if (!box) return;
  const [text, offline] = sentence();
  box.hidden = !text;
  $('#shell')?.classList.toggle('has-bar', Boolean(text));
  if (text && box.querySelector('[data-bar-text]').textContent !== text) box.querySelector('[data-bar-text]').textContent = text;
  box.querySelector('button').hidden = !offline;
  box.querySelector('a').hidden = !state.signedOut;
  document.documentElement.toggleAttribute('data-offline', Boolean(offline));
}

/** What is true now: signed out, offline, not reached, catching up (only when it takes long), the worker stopped. */
function sentence() {
  if (state.signedOut) return [word('signed_out'), false];
  if (!navigator.onLine) return [word('offline'), true];
  if (state.failing || (!state.connected && state.everConnected && performance.now() - state.lastEnd > 2 * POLL_MS)) {
    return [state.waiting ? word(state.waiting === 1 ? 'waiting_one' : 'waiting', { n: state.waiting }) : word('reconnecting'), true];
  }
  if (state.behind) return [word('catching_up'), false];
  if (!state.worker) return [word('worker_stopped'), false];
  return ['', false];
}

/** Away for longer than a moment: until the next answer the page may be behind, and says so when that takes long. */
function fellBehind() {
  clearTimeout(state.slow);
  state.slow = setTimeout(() => (state.behind = true, bar()), 700);
}

function caughtUp() {
  clearTimeout(state.slow);
  state.behind = false;
}

function signedOut() {
  state.signedOut = true;
  bar();
}

/** Signed in again, perhaps in another tab: this page goes on where it was. */
async function comeBack() {
  if (!state.signedOut || (await freshToken()) === null) return;
  state.signedOut = false;
  fellBehind();
  socket?.disconnect().connect();
  fetchNow();
}
addEventListener('focus', comeBack);

// --- the socket, and what to do without one ----------------------------------------------------------------

const socket = $('meta[name=hd-agent]') && io('/agents', { transports: ['websocket'], reconnectionDelay: 500, reconnectionDelayMax: 8000 });

if (socket) {
  socket.on('connect', () => {
    state.connected = state.everConnected = true;
    socket.emit('hello', { seq: state.cursor });
    document.dispatchEvent(new CustomEvent('hd:connected'));
    if (state.applied) fellBehind(), fetchNow(); // what was missed while away
  });
  socket.on('disconnect', () => {
    state.connected = false;
    document.dispatchEvent(new CustomEvent('hd:disconnected'));
    setTimeout(bar, 1500);
  });
  socket.on('event', (bell) => {
    document.dispatchEvent(new CustomEvent('hd:bell', { detail: bell }));
    if (bell.seq <= state.cursor) return;
    state.waiting += 1;
    ring();
  });
  socket.on('notices', () => document.dispatchEvent(new CustomEvent('hd:notices')));
  socket.on('head', ({ seq }) => seq > state.cursor && ring());
  socket.on('presence', (told) => document.dispatchEvent(new CustomEvent('hd:presence', { detail: told })));
  socket.on('typing', (told) => document.dispatchEvent(new CustomEvent('hd:typing', { detail: told })));
  socket.on('call', (told) => document.dispatchEvent(new CustomEvent('hd:call', { detail: told })));
  socket.on('reload', () => setTimeout(fetchNow, 200));
  setTimeout(fetchNow, 50); // after paint: counts of saved views, and what happened since the page was made
  setInterval(() => {
    if (document.hidden) return;
    if (state.signedOut) return void comeBack();
    const quiet = performance.now() - state.lastEnd;
    if (!state.connected || quiet > CALM_MS || slept()) fetchNow();
  }, POLL_MS);
}

/** Did the machine sleep? Then timers stood still, and the socket may be dead without knowing. */
function slept() {
  const now = Date.now();
  const gap = now - state.awake;
  state.awake = now;
  if (gap < 5 * POLL_MS) return false;
  fellBehind();
  if (socket.connected) socket.disconnect().connect();
  return true;
}

document.addEventListener('hd:signed-out', signedOut);
document.addEventListener('visibilitychange', () => {
  if (document.hidden || !socket) return;
  if (state.signedOut) return void comeBack();
  if (state.again || !state.connected || slept()) fetchNow();
});
addEventListener('online', () => {
  fellBehind();
  socket?.connect();
  fetchNow();
});
addEventListener('offline', bar);
document.addEventListener('click', (event) => {
  if (!event.target.closest('[data-live=now]')) return;
  socket?.connect();
  fetchNow();
});
