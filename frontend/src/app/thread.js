// One ticket: opening it, painting what changed in it, what of it was seen.
import htmx from 'htmx.org';
import { Idiomorph } from 'idiomorph';
import { $, $$, announce, fragment, parse, post, toast, word } from './util.js';

const SEEN_MS = 1000;

// --- opening -------------------------------------------------------------------------------------------------

let opening = 0;

/** Show a ticket in the pane. */
export async function open(number, { push = true, url, hash = '' } = {}) {
  const pane = $('#pane');
  if (!pane) return void location.assign(url ?? `/tickets/${number}`);
  const turn = ++opening;
  const query = $('#list')?.dataset.query ?? '';
  mark(number);
  const slow = setTimeout(() => pane.setAttribute('aria-busy', 'true'), 150);
  const html = await fragment(`/tickets/${number}?${query}`);
  clearTimeout(slow);
  if (turn !== opening) return;
  pane.removeAttribute('aria-busy');
  if (html === null) return void mark($('#ticket')?.dataset.ticket);
  document.dispatchEvent(new CustomEvent('hd:leave-ticket', { detail: { again: $('#ticket')?.dataset.ticket === String(number) } }));
  pane.replaceChildren(parse(html));
  $('#shell').classList.replace('show-list', 'show-ticket');
  if (push) history.pushState({}, '', `/tickets/${number}?${query}${hash}`);
  document.title = `${$('.hd-subject')?.textContent ?? ''} #${number}`;
  begin(hash);
}

function mark(number) {
  for (const row of $$('#rows > [data-id]')) {
    const on = row.dataset.number === String(number);
    row.classList.toggle('is-selected', on);
    const link = $('.hd-row-open', row);
    on ? link.setAttribute('aria-current', 'true') : link.removeAttribute('aria-current');
  }
}

/** Back to the list: no ticket is open any more (on a phone the pane gives way to it), its row has the focus. */
export function close({ push = true } = {}) {
  const number = $('#ticket')?.dataset.ticket;
  opening += 1; // one that is on its way comes too late
  empty('none');
  mark(null);
  $('#shell').classList.replace('show-ticket', 'show-list');
  const list = $('#list');
  if (push) history.pushState({}, '', `/?${list?.dataset.query ?? ''}`);
  document.title = list?.dataset.title ?? document.title;
  const row = $(`#rows [data-number="${number}"]`);
  row?.classList.add('is-cursor');
  (row ? $('.hd-row-open', row) : $('#rows'))?.focus();
}

/** A pane without a ticket: none is open, or the one that was may not be seen any more. */
function empty(why) {
  document.dispatchEvent(new CustomEvent('hd:leave-ticket'));
  $('#pane').replaceChildren($(`template[data-pane="${why}"]`).content.cloneNode(true));
}

document.addEventListener('click', (event) => {
  if (event.ctrlKey || event.metaKey || event.shiftKey || event.button || !$('#pane')) return;
  const link = event.target.closest('[data-open-ticket]');
  if (link) {
    event.preventDefault();
    return void open(link.dataset.openTicket);
  }
  if (event.target.closest('[data-back]')) {
    event.preventDefault();
    close();
  }
});

document.addEventListener('hd:open-ticket', ({ detail }) => open(detail));
document.addEventListener('hd:close-ticket', () => close({ push: false }));

/** Everything that is set up once a ticket is on the page; `hash`: the message that was linked to. */
function begin(hash = location.hash) {
  const thread = $('#thread');
  if (!thread) return;
  const { seq, read } = $('#ticket').dataset;
  seen.seq = Number(seq);
  side = '';
  tasks = painted($('#thread-tasks'));
  htmx.process($('#ticket'));
  readTo = Number(read) && Number(read) < Number(seq) ? Number(read) : Infinity;
  paintUnseen();
  for (const picture of $$('img', thread)) picture.addEventListener('load', () => stick(), { once: true });
  stuck = true;
  stick();
  const unseen = $('#unseen');
  if (unseen && thread.scrollTop > unseen.offsetTop) thread.scrollTop = unseen.offsetTop - 8, stuck = false; // what is new is read from its beginning
  if (hash.startsWith('#m-')) goTo(hash.slice(1));
  height = thread.clientHeight;
  sized.disconnect();
  sized.observe(thread);
  watchSeen();
  sendSeen();
  document.dispatchEvent(new CustomEvent('hd:ticket', { detail: { number: $('#ticket').dataset.ticket } }));
}

/** To one message, however far back. */
async function goTo(id) {
  const number = $('#ticket')?.dataset.ticket;
  while (!document.getElementById(id) && $('#earlier')) {
    if (!(await loadEarlier($('#earlier'), '&far=1')) || $('#ticket')?.dataset.ticket !== number) return;
  }
  const message = document.getElementById(id);
  if (!message) return;
  stuck = false;
  message.tabIndex = -1;
  message.focus({ preventScroll: true });
  message.scrollIntoView({ block: 'center' });
  message.classList.add('is-linked');
}

addEventListener('hashchange', () => $('#thread') && location.hash.startsWith('#m-') && goTo(location.hash.slice(1)));

// --- what is new since it was last read ------------------------------------------------------------------------

let readTo = Infinity; // up to here everything was read when the ticket was opened, or the page was left

/** A line before the first message that is new. */
function paintUnseen() {
  $('#unseen')?.remove();
  const all = $$('#thread [data-message]');
  const first = all.find((one) => one.hasAttribute('data-foreign') && Number(one.dataset.seq) > readTo);
  if (!first || (first === all[0] && !$('#earlier'))) return;
  const line = document.createElement('div');
  line.className = 'hd-day hd-unseen';
  line.id = 'unseen';
  line.dataset.seq = first.dataset.seq;
  line.append(Object.assign(document.createElement('b'), { textContent: word('unseen') }));
  first.before(line);
}

document.addEventListener('visibilitychange', () => document.hidden && $('#ticket') && (readTo = seen.seq));

// --- what changed --------------------------------------------------------------------------------------------

const keepOpen = { beforeAttributeUpdated: (name, node) => !(name === 'open' && node instanceof HTMLDetailsElement) };
let tasks = ''; // what is painted below the conversation
let said = null; // the answer whose messages are on the page already
let stuck = true; // the reader is at the end

document.addEventListener('scroll', (event) => {
  if (event.target.id !== 'thread') return;
  const thread = event.target;
  if (thread.clientHeight !== height) return; // not the reader moved it: `sized` has not been told yet
  const below = thread.scrollHeight - thread.scrollTop - thread.clientHeight;
  stuck = below < 60;
  const jump = $('[data-jump]');
  if (stuck) jump.hidden = true;
  else if (jump.hidden && below > thread.clientHeight) offerJump('to_newest');
}, true);

/** A button to the end of the conversation. */
function offerJump(key) {
  const jump = $('[data-jump]');
  $('span', jump).textContent = word(key);
  jump.hidden = false;
}

let height = 0; // of the conversation when it was last measured

/** What is at the end stays in sight when the composer or the head takes more room. */
const sized = new ResizeObserver(() => {
  height = $('#thread')?.clientHeight ?? 0;
  stick();
});

function stick() {
  const thread = $('#thread');
  if (stuck && thread) thread.scrollTop = thread.scrollHeight;
}

document.addEventListener('click', (event) => {
  if (!event.target.closest('[data-jump]')) return;
  stuck = true;
  stick();
  $('[data-jump]').hidden = true;
});

/** The messages of an answer come before everything else in it, so that they are read a frame earlier. */
document.addEventListener('hd:said', ({ detail }) => {
  if (!$('#thread') || $('#ticket').dataset.ticket !== detail.askedTicket) return;
  said = detail;
  say(detail.ticket);
});

function say(part) {
  const before = lastForeign();
  patchTail(part);
  paintUnseen();
  const newest = lastForeign();
  if (newest && newest !== before) arrived(newest);
  stick();
  watchSeen();
}

document.addEventListener('hd:changes', (event) => {
  const part = event.detail.ticket;
  if (!$('#ticket')) return;
  const number = $('#ticket').dataset.ticket;
  if (event.detail.askedTicket !== number) { // another ticket was opened while this was on its way
    const missed = (event.detail.events ?? []).some((one) => String(one.ticket) === number);
    return void (missed && open(number, { push: false }));
  }
  if (!part) return;
  if (part.gone) return void lost();
  if (part.merged_into && $('#ticket').dataset.shelf !== 'merged') return void follow(number, part.merged_into);
  if (event.detail !== said) say(part);
  Idiomorph.morph($('#ticket-head'), part.head, { morphStyle: 'outerHTML', callbacks: keepOpen });
  for (const field of $$('#ticket-head select[data-set]')) if (field !== document.activeElement) field.value = field.dataset.was;
  document.dispatchEvent(new CustomEvent('hd:head'));
  showTasks(part.tasks);
  $('#ticket').dataset.seq = part.seq || $('#ticket').dataset.seq;
  $('#ticket').dataset.status = part.status;
  $('#ticket').dataset.shelf = part.shelf;
  stick();
  if (part.side) clearTimeout(siding), siding = setTimeout(() => loadSide({ again: false }), SIDE_MS); // once for lines that come together
});

/** What is to be done below the conversation; a form that is being filled in there stays as it is. */
function showTasks(html) {
  const fresh = parse(html);
  const before = tasks;
  tasks = painted(fresh);
  if (tasks === before) return;
  const focused = document.activeElement;
  for (const form of $$('#thread-tasks :is([data-ask], details[open] [data-held=return])')) {
    const place = fresh.querySelector(`form[action="${form.getAttribute('action')}"]`);
    place?.closest('details')?.setAttribute('open', '');
    place?.replaceWith(form);
  }
  $('#thread-tasks').replaceChildren(fresh);
  if (focused !== document.activeElement && focused?.closest('#thread-tasks')) focused.focus();
}

/** Somebody merged the open ticket into another one: that one is shown, what was being written goes along. */
async function follow(from, to) {
  document.dispatchEvent(new CustomEvent('hd:merged', { detail: { to } }));
  await open(to);
  toast(word('merged', { from, to }), { seconds: 10 });
}

/** The ticket may not be seen any more. What was being written is shown once more, to be copied. */
function lost() {
  const unsent = $$('#composer [data-write]').map((box) => box.value.trim()).filter(Boolean).join('\n\n');
  empty('gone');
  const box = $('[data-unsent]');
  box.hidden = !unsent;
  $('textarea', box).value = unsent;
}

const lastForeign = () => $$('#thread [data-foreign]').at(-1)?.id;

function arrived(id) {
  const who = $(`#${id} .hd-meta b`)?.textContent ?? '';
  announce(word('new_message', { name: who }));
  if (!stuck) offerJump('message_below');
}

/** Paint the thread again from one message on, keeping what is the same. */
function patchTail({ tail, from }) {
  const thread = $('#thread');
  const end = $('#thread-tasks');
  const fresh = [...parse(tail).children].filter((node) => node.id && node.id !== 'earlier');
  const ids = new Set(fresh.map((node) => node.id));
  const anchor = document.getElementById(`m-${from}`);
  const first = anchor ? Number(anchor.dataset.seq) : 0;
  for (const old of [...thread.children]) {
    if (old === end || old.id === 'earlier' || ids.has(old.id) || Number(old.dataset.seq) < first) continue;
    old.remove();
  }
  let place = anchor ?? $('#earlier')?.nextElementSibling ?? thread.firstElementChild;
  for (const node of fresh) {
    const old = document.getElementById(node.id);
    if (old) {
      if (lasting(old.outerHTML) !== lasting(node.outerHTML)) Idiomorph.morph(old, node.outerHTML, { morphStyle: 'outerHTML', callbacks: keepOpen });
      place = document.getElementById(node.id).nextElementSibling;
    } else {
      thread.insertBefore(node, place ?? end);
    }
  }
}

document.addEventListener('hd:reset', () => $('#ticket') && open($('#ticket').dataset.ticket, { push: false }));

const SIDE_MS = 300;
let siding = 0;
let side = ''; // the panel as it was fetched last, and of which ticket

/** A fragment without what each request writes anew: the token of its forms. */
const lasting = (html) => html.replace(/(name="csrf_token" value=")[^"]*/g, '$1');
const painted = (node) => lasting([...node.children].map((child) => child.outerHTML).join(''));

/** The customer panel and the ways to answer; what is being written is left alone. `again`: also when it is as it was. */
export async function loadSide({ again = true } = {}) {
  const number = $('#ticket')?.dataset.ticket;
  const html = await fragment(`/tickets/${number}/side`, { quiet: true });
  if (html === null || $('#ticket')?.dataset.ticket !== number) return;
  const asked = side;
  side = `${number} ${lasting(html)}`;
  if (asked === side && !again) return; // what somebody does in it is left alone
  const parts = parse(html);
  const via = parts.querySelector('[hx-swap-oob]');
  via?.remove();
  const tagging = document.activeElement?.closest?.('[data-tag-form]');
  const typed = tagging ? tagging.elements.tag.value : null;
  $('#aside').replaceChildren(parts);
  if (typed !== null) $('#aside [name=tag]').value = typed, $('#aside [name=tag]').focus();
  document.dispatchEvent(new CustomEvent('hd:via', { detail: { html: via?.innerHTML ?? '' } }));
}

document.addEventListener('htmx:afterSwap', (event) => {
  if (event.target.id === 'aside') document.dispatchEvent(new CustomEvent('hd:side'));
});

// --- earlier messages ----------------------------------------------------------------------------------------

document.addEventListener('click', (event) => {
  const button = event.target.closest('[data-earlier]');
  if (button) loadEarlier(button);
});

/** What stands before the first message, without moving what is read. */
async function loadEarlier(button, more = '') {
  button.disabled = true;
  const html = await fragment(button.dataset.earlier + more);
  button.disabled = false;
  if (html === null || !button.isConnected) return false;
  const thread = $('#thread');
  const height = thread.scrollHeight - thread.scrollTop;
  const parts = parse(html);
  for (const day of $$('.hd-day', parts)) document.getElementById(day.id)?.remove();
  button.replaceWith(parts);
  thread.scrollTop = thread.scrollHeight - height;
  paintUnseen();
  watchSeen();
  return true;
}

// --- what was seen: in view for a second, with the page in front ----------------------------------------------

export const seen = { seq: 0 };
const timers = new Map();
let sent = 0;
let sending = 0;

const eye = new IntersectionObserver((changes) => {
  for (const { target, isIntersecting } of changes) {
    clearTimeout(timers.get(target));
    timers.delete(target);
    if (isIntersecting) timers.set(target, setTimeout(() => saw(target), SEEN_MS));
  }
}, { threshold: 0.2 });

function watchSeen() {
  for (const node of $$('#thread [data-message]')) if (Number(node.dataset.seq) > seen.seq) eye.observe(node);
}

function saw(node) {
  if (document.hidden || !node.isConnected) return;
  eye.unobserve(node);
  seen.seq = Math.max(seen.seq, Number(node.dataset.seq));
  sendSeen();
}

document.addEventListener('visibilitychange', () => {
  if (document.hidden) return;
  for (const node of $$('#thread [data-message]')) eye.unobserve(node);
  watchSeen();
});

function sendSeen() {
  clearTimeout(sending);
  const number = $('#ticket')?.dataset.ticket;
  sending = setTimeout(async () => {
    const key = `${number}:${seen.seq}`;
    if (key === sent || document.hidden || !number) return;
    const answer = await post(`/tickets/${number}/read`, { seq: seen.seq });
    if (!answer.ok) return;
    sent = key;
    $(`#rows [data-number="${number}"]`)?.classList.remove('is-unread');
  }, 700);
}

// --- the original of a mail, quoted text, reasons ------------------------------------------------------------

document.addEventListener('click', (event) => {
  const original = event.target.closest('[data-original]');
  if (original) showOriginal(original);
  const images = event.target.closest('[data-load-images]');
  if (images) {
    images.previousElementSibling.src = images.dataset.loadImages;
    images.remove();
  }
  const why = event.target.closest('[data-why]');
  if (why) {
    const details = $('details', why.parentElement);
    details.open = !details.open;
    why.setAttribute('aria-expanded', String(details.open));
  }
});

function showOriginal(button) {
  const article = button.closest('[data-message]');
  const old = $('.hd-original', article);
  if (old) return void old.remove();
  const box = document.createElement('div');
  box.className = 'hd-original';
  const frame = document.createElement('iframe');
  frame.setAttribute('sandbox', 'allow-same-origin allow-popups allow-popups-to-escape-sandbox');
  frame.title = button.textContent.trim();
  frame.src = button.dataset.original;
  frame.addEventListener('load', () => {
    const page = frame.contentDocument;
    if (!page?.body) return;
    frame.height = Math.min(page.documentElement.scrollHeight + 4, 4000);
    const remote = page.querySelectorAll('img[data-src]').length;
    if (remote && !$('[data-load-images]', box) && !frame.src.includes('images=1')) box.append(imagesButton(button, remote));
  });
  box.append(frame);
  $('.hd-bubble', article).after(box);
}

function imagesButton(button, count) {
  const load = document.createElement('button');
  load.type = 'button';
  load.className = 'btn hd-sm';
  load.dataset.loadImages = `${button.dataset.original}?images=1`;
  load.textContent = word(count === 1 ? 'load_pictures_one' : 'load_pictures', { n: count });
  return load;
}

queueMicrotask(begin); // after every module listens
