// One ticket: opening it, painting what changed in it, what of it was seen.
import htmx from 'htmx.org';
import { Idiomorph } from 'idiomorph';
import { $, $$, announce, fragment, parse, post, word } from './util.js';

const SEEN_MS = 1000;

// --- opening -------------------------------------------------------------------------------------------------

let opening = 0;

/** Show a ticket in the pane. */
export async function open(number, { push = true, url } = {}) {
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
  if (html === null) return;
  document.dispatchEvent(new CustomEvent('hd:leave-ticket'));
  pane.replaceChildren(parse(html));
  $('#shell').classList.replace('show-list', 'show-ticket');
  if (push) history.pushState({}, '', `/tickets/${number}?${query}`);
  document.title = `${$('.hd-subject')?.textContent ?? ''} #${number}`;
  begin();
}

function mark(number) {
  for (const row of $$('#rows > [data-id]')) {
    const on = row.dataset.number === String(number);
    row.classList.toggle('is-selected', on);
    const link = $('.hd-row-open', row);
    on ? link.setAttribute('aria-current', 'true') : link.removeAttribute('aria-current');
  }
}

/** Back to the list (on a phone the pane gives way to it). */
export function close() {
  document.dispatchEvent(new CustomEvent('hd:leave-ticket'));
  $('#shell').classList.replace('show-ticket', 'show-list');
  const number = $('#ticket')?.dataset.ticket;
  history.pushState({}, '', `/?${$('#list')?.dataset.query ?? ''}`);
  const row = $(`#rows [data-number="${number}"] .hd-row-open`);
  (row ?? $('#rows'))?.focus({ preventScroll: false });
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

addEventListener('popstate', () => {
  if (!$('#pane')) return;
  const found = location.pathname.match(/^\/tickets\/(\d+)/);
  if (found) open(found[1], { push: false });
  else $('#shell').classList.replace('show-ticket', 'show-list');
});

/** Everything that is set up once a ticket is on the page. */
function begin() {
  const thread = $('#thread');
  if (!thread) return;
  seen.seq = Number($('#ticket').dataset.seq);
  side = '';
  tasks = painted($('#thread-tasks'));
  htmx.process($('#ticket'));
  const target = location.hash.startsWith('#m-') && $(location.hash);
  if (target) target.scrollIntoView({ block: 'center' });
  else thread.scrollTop = thread.scrollHeight;
  for (const picture of $$('img', thread)) picture.addEventListener('load', () => stick(), { once: true });
  stuck = !target;
  watchSeen();
  sendSeen();
  document.dispatchEvent(new CustomEvent('hd:ticket', { detail: { number: $('#ticket').dataset.ticket } }));
}

// --- what changed --------------------------------------------------------------------------------------------

const keepOpen = { beforeAttributeUpdated: (name, node) => !(name === 'open' && node instanceof HTMLDetailsElement) };
let tasks = ''; // what is painted below the conversation
let said = null; // the answer whose messages are on the page already
let stuck = true; // the reader is at the end

document.addEventListener('scroll', (event) => {
  if (event.target.id !== 'thread') return;
  const thread = event.target;
  stuck = thread.scrollHeight - thread.scrollTop - thread.clientHeight < 60;
  if (stuck) $('[data-jump]').hidden = true;
}, true);

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
  if (part.gone) return void $('#pane').replaceChildren(Object.assign(document.createElement('section'), { className: 'hd-ticket d-block' })), undefined;
  if (event.detail !== said) say(part);
  Idiomorph.morph($('#ticket-head'), part.head, { morphStyle: 'outerHTML', callbacks: keepOpen });
  for (const field of $$('#ticket-head select[data-set]')) if (field !== document.activeElement) field.value = field.dataset.was;
  document.dispatchEvent(new CustomEvent('hd:head'));
  showTasks(part.tasks);
  $('#ticket').dataset.seq = part.seq || $('#ticket').dataset.seq;
  $('#ticket').dataset.status = part.status;
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

const lastForeign = () => $$('#thread [data-foreign]').at(-1)?.id;

function arrived(id) {
  const who = $(`#${id} .hd-meta b`)?.textContent ?? '';
  announce(word('new_message', { name: who }));
  if (!stuck) $('[data-jump]').hidden = false;
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

document.addEventListener('click', async (event) => {
  const button = event.target.closest('[data-earlier]');
  if (!button) return;
  button.disabled = true;
  const html = await fragment(button.dataset.earlier);
  button.disabled = false;
  if (html === null) return;
  const thread = $('#thread');
  const height = thread.scrollHeight - thread.scrollTop;
  const parts = parse(html);
  for (const day of $$('.hd-day', parts)) document.getElementById(day.id)?.remove();
  button.replaceWith(parts);
  thread.scrollTop = thread.scrollHeight - height;
  watchSeen();
});

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
  load.textContent = word('load_pictures', { n: count });
  return load;
}

queueMicrotask(begin); // after every module listens
