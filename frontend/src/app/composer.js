// Writing: reply, note or call; a draft on the server as one types; files; sending once, with a few seconds to undo.
import { fetchNow, online } from './live.js';
import { look } from './presence.js';
import { ask } from './dialogs.js';
import { close, loadSide, open, seen } from './thread.js';
import { $, $$, parse, post, tell, toast, uuid, word } from './util.js';
import { closeSuggestions } from './suggest.js';
import { undoable } from './undo.js';
import { rich } from './rich.js';
import { counted } from './sms.js';
import { addShared, paintShare, shared } from './share.js';
import { addUploaded, clearUploads, showUploads, uploaded, uploadedTokens, uploading } from './uploads.js';

const SAVE_MS = 800;
let tab = 'reply';
const dirty = new Set(); // kinds whose draft the server does not have yet
let saveTimer = 0;
let lookTimer = 0;
let touchedVia = false;
let sending = false;
let ids = {}; // by kind, what is being written is sent as: sent again, it is the same message; a late draft of it is none

export const composer = () => $('#composer');
const number = () => composer()?.dataset.number;
export const area = (kind = tab) => composer() && $(`[data-write="${kind}"]`, composer());
const key = (kind = tab, at = number()) => `hd-draft:${$('meta[name=hd-agent]').content}:${at}:${kind}`;
const said = (kind) => composer() && { text: area(kind).value, html: kind === 'reply' ? rich.html(composer()) : '' };
const via = () => $('[data-via]');

// --- tabs ----------------------------------------------------------------------------------------------------

export function choose(next, { focus = true } = {}) {
  const form = composer();
  if (!form) return;
  tab = next;
  for (const button of $$('[data-tab]', form)) {
    const on = button.dataset.tab === next;
    button.setAttribute('aria-selected', String(on));
    button.tabIndex = on ? 0 : -1;
  }
  for (const panel of $$('[data-panel]', form)) panel.hidden = panel.dataset.panel !== next;
  for (const part of $$('[data-for]', form)) part.hidden = part.dataset.for !== next;
  showUploads(next);
  form.classList.toggle('is-note', next === 'note');
  form.classList.add('is-open');
  $('[data-tools]', form).hidden = next === 'call';
  $('[data-send-word]', form).textContent = word(next === 'note' ? 'add_note' : 'send');
  paintVia();
  if (next === 'call') loadCall();
  else if (focus) rich.active(form) && next === 'reply' ? rich.focus(form) : area()?.focus();
}

async function loadCall() {
  const slot = $('[data-call-slot]', composer());
  if (slot.childElementCount) return;
  const response = await fetch(`/tickets/${number()}/call-form`, { headers: { 'HX-Request': 'true' } }).catch(() => null);
  if (response?.ok) slot.replaceChildren(parse(await response.text()));
  $('input, select, textarea', slot)?.focus();
}

document.addEventListener('hd:compose', ({ detail }) => choose(detail.tab));
document.addEventListener('click', (event) => {
  const button = event.target.closest('#composer [data-tab]');
  if (button) choose(button.dataset.tab);
  const opener = event.target.closest('[data-compose]');
  if (opener) choose(opener.dataset.compose);
  if (event.target.closest('#composer [data-cc]')) {
    $('#cc-row').hidden = false;
    $('#cc').focus();
  }
});
document.addEventListener('keydown', (event) => {
  const button = event.target.closest?.('#composer [data-tab]');
  if (!button || !['ArrowLeft', 'ArrowRight', 'Home', 'End'].includes(event.key)) return;
  event.preventDefault();
  const all = $$('#composer [data-tab]');
  const at = all.indexOf(button);
  const next = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: all.length - 1 }[event.key];
  const target = all.at(next % all.length);
  choose(target.dataset.tab, { focus: false });
  target.focus();
});

// --- the way it goes -----------------------------------------------------------------------------------------

function paintVia() {
  const form = composer();
  const option = via()?.selectedOptions[0];
  const html = option?.dataset.html === '1';
  $('[data-rich-tools]', form).hidden = !html || tab !== 'reply';
  if (!html && rich.active(form)) rich.leave(form);
  paintShare(option, tab === 'reply');
  const line = $('#line-channel use');
  if (option && line) line.setAttribute('href', line.getAttribute('href').replace(/#.*/, `#${option.dataset.iconName}`));
  const pick = $('.hd-pick use');
  if (option && pick) pick.setAttribute('href', pick.getAttribute('href').replace(/#.*/, `#${option.dataset.iconName}`));
  for (const button of $$('[data-send]', form)) button.disabled = tab === 'reply' && !option && via() !== null;
  for (const note of $$('[data-for-via]', form)) note.hidden = note.dataset.forVia !== via()?.value;
  paintLength();
}

/** The approved template chosen for the way chosen, where it needs one. */
const template = () => $(`[data-for-via="${via()?.value}"] [data-template]`)?.value ?? '';

function paintLength() {
  const { max: most, counts, counted: words } = via()?.selectedOptions[0]?.dataset ?? {};
  const max = Number(most) || 0;
  const length = area('reply')?.value.length ?? 0;
  const box = $('[data-length]', composer());
  if (counts && tab === 'reply') {
    const { units, sms } = counted(area('reply').value, counts === 'sms-plain');
    box.textContent = units ? `${units} · ${words.replace('…', sms)}` : '';
    box.classList.toggle('is-over', sms > 10 || length > max);
    return;
  }
  box.textContent = tab === 'reply' && max && length > max * 0.8 ? `${length} / ${max}` : '';
  box.classList.toggle('is-over', Boolean(max) && length > max);
}

document.addEventListener('change', (event) => {
  if (!event.target.matches('[data-via]')) return;
  touchedVia = true;
  paintVia();
  save();
});

/** New ways came: taken over, but the one chosen stays chosen while something is written. */
document.addEventListener('hd:via', ({ detail }) => {
  const box = $('#via');
  if (!box || !composer() || !detail.html) return;
  const before = via()?.value;
  const keep = touchedVia || area('reply').value.trim();
  box.innerHTML = detail.html;
  if (keep && before && $(`option[value="${before}"]:not(:disabled)`, box)) via().value = before;
  paintVia();
});

// --- drafts --------------------------------------------------------------------------------------------------

// The server has the draft. This browser keeps only what has not reached it yet; every tab shows the same.
const tabs = 'BroadcastChannel' in window ? new BroadcastChannel('hd-drafts') : null;
const OWN_MS = 2000; // who typed here so lately is not overruled by another tab
let typedAt = 0;

function unsaved(kind) {
  const kept = localStorage.getItem(key(kind));
  if (!kept) return null;
  try {
    return JSON.parse(kept);
  } catch {
    return { text: kept, html: '' };
  }
}

/** It is on the server now: nothing of it needs to be kept here, unless more was typed since. */
function reached(name, text) {
  const kept = localStorage.getItem(name);
  if (kept && JSON.parse(kept).text === text) localStorage.removeItem(name);
}

let taken = {}; // the drafts as the ticket came with them
let again = null; // what stood in the composer when the page made the same ticket anew

function begin() {
  const form = composer();
  if (!form) return;
  tab = 'reply';
  dirty.clear();
  touchedVia = sending = false;
  ids = {};
  thenChosen = '';
  typedAt = 0;
  taken = JSON.parse(form.dataset.drafts ?? '{}');
  for (const kind of ['reply', 'note']) {
    const kept = unsaved(kind);
    const { text = '', html = '' } = (again?.number === number() && again[kind]) || kept || taken[kind] || {};
    area(kind).value = text;
    grow(area(kind));
    if (kind === 'reply' && html) rich.restore(form, html, text);
    for (const file of taken[kind]?.attachments ?? []) addUploaded(file, kind);
    if (taken[kind]?.shared) addShared(taken[kind].shared);
    if (kept) dirty.add(kind);
  }
  if (dirty.size) saveTimer = setTimeout(save, SAVE_MS);
  if (!area('reply').value && area('note').value) choose('note', { focus: false });
  waiting();
}

document.addEventListener('hd:ticket', begin);
document.addEventListener('hd:side', () => {
  if (!composer()) return;
  goBy(taken.reply ?? {});
  paintVia();
});

/** The way and the copies of a draft. */
function goBy({ via: way, cc }) {
  if (way && via() && $(`[data-via] option[value="${way}"]:not(:disabled)`)) via().value = way, (touchedVia = true);
  if (cc) $('#cc').value = cc, ($('#cc-row').hidden = false);
}

export function grow(box) {
  if (!box || CSS.supports('field-sizing', 'content')) return;
  box.style.height = 'auto';
  box.style.height = `${Math.min(box.scrollHeight, innerHeight * 0.4)}px`;
}

export function written() {
  const box = area();
  if (!box) return;
  const { html } = said(tab);
  typedAt = Date.now();
  if (box.value) localStorage.setItem(key(), JSON.stringify({ text: box.value, html }));
  else localStorage.removeItem(key());
  tabs?.postMessage({ at: number(), kind: tab, text: box.value, html });
  grow(box);
  paintLength();
  later(tab);
  look(tab === 'reply' && box.value.trim() ? 'replying' : 'viewing'); // a note is nobody else's business
  clearTimeout(lookTimer);
  lookTimer = setTimeout(() => look('viewing'), 25_000);
}

/** Saved soon, once for all that is typed in a row. */
function later(kind) {
  dirty.add(kind);
  clearTimeout(saveTimer);
  saveTimer = setTimeout(save, SAVE_MS);
}

document.addEventListener('input', (event) => event.target.matches('[data-write]') && written());
document.addEventListener('hd:uploads', ({ detail }) => composer() && later(detail.kind));

// Another tab of mine wrote in this ticket, sent it, or dropped it.
tabs?.addEventListener('message', ({ data }) => {
  const box = composer() && data.at === number() && area(data.kind);
  if (!box || box.value === data.text || Date.now() - typedAt < OWN_MS) return;
  if (data.kind === 'reply') rich.leave(composer());
  box.value = data.text;
  grow(box);
  if (data.kind === 'reply' && data.html) rich.restore(composer(), data.html, data.text);
  paintLength();
});

const idOf = (kind) => (ids[kind] ??= uuid());

/** Everything that is not on the server yet. */
export async function save({ leaving = false } = {}) {
  if (!composer()) return;
  clearTimeout(saveTimer);
  const kinds = [...dirty];
  dirty.clear();
  await Promise.all(kinds.map((kind) => saveOne(kind, leaving)));
}

async function saveOne(kind, leaving) {
  const [at, name, values] = [number(), key(kind), content(kind)];
  const answer = await post(`/tickets/${at}/draft`, { kind, ...values, via: via()?.value, cc: $('#cc').value, client_msg_id: idOf(kind) }, { keepalive: leaving });
  if (answer.ok) reached(name, values.text);
  const box = composer() && $('[data-draft-state]', composer());
  if (number() !== at || !box) return;
  const time = new Date().toLocaleTimeString(document.documentElement.lang, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23', timeZone: $('meta[name=hd-timezone]')?.content });
  const empty = !area(kind).value && !values.attachment.length;
  if (kind === tab) box.textContent = empty ? '' : answer.ok ? word('draft_saved', { time }) : word('draft_kept');
  if (!answer.ok) dirty.add(kind);
}

// What is being written belongs to the ticket that took over.
document.addEventListener('hd:merged', ({ detail }) => {
  dirty.clear();
  for (const kind of ['reply', 'note']) {
    const text = area(kind)?.value;
    localStorage.removeItem(key(kind));
    if (text) localStorage.setItem(key(kind, detail.to), JSON.stringify({ text, html: kind === 'reply' ? rich.html(composer()) : '' }));
  }
});
document.addEventListener('hd:leave-ticket', ({ detail }) => {
  again = detail?.again ? { number: number(), reply: said('reply'), note: said('note') } : null;
  save();
  clearTimeout(lookTimer);
  closeSuggestions();
});
addEventListener('pagehide', () => save({ leaving: true }));
document.addEventListener('hd:somebody-else', () => dirty.clear()); // kept here for whom it is of

// --- sending -------------------------------------------------------------------------------------------------

function content(kind) {
  const form = composer();
  return { text: area(kind).value, html: kind === 'reply' ? rich.html(form) : '', attachment: uploadedTokens(kind), shared: kind === 'reply' ? shared() : '' };
}

async function send(then, { seq, force, sendAt } = {}) {
  if (sending) return;
  if (then === 'default' && thenChosen) then = thenChosen;
  if (tab === 'call') return void $('[data-call-slot] form', composer())?.requestSubmit();
  if (uploading()) return void sendUploaded(then, { seq, force, sendAt });
  const kind = tab;
  const said = content(kind);
  if (!said.text.trim() && !said.attachment.length && !said.shared) {
    toast(word('empty_reply'));
    return void area(kind).focus();
  }
  sending = true;
  composer().setAttribute('aria-busy', 'true');
  clearTimeout(saveTimer);
  dirty.delete(kind); // leaving now must not keep as a draft what is on its way
  const values = { ...said, client_msg_id: idOf(kind) };
  if (kind === 'reply') Object.assign(values, { via: via()?.value, template: template(), cc: $('#cc').value, then, seen_seq: force ? seq : seen.seq, undo: 1, send_at: sendAt });
  const at = number();
  const answer = await post(`/tickets/${at}/${kind}`, values);
  sending = false;
  if (number() === at) composer().removeAttribute('aria-busy');
  if (answer.ok) return sent(kind, at, answer.data, said.text);
  if (answer.status === 409 && answer.data.html) return number() === at ? stopped(answer.data, then, sendAt) : tell(answer); // kept as its draft
  if (answer.status === 422 && then === 'solve' && needsWords(answer.data.errors)) return completeAndSend(at, { seq, force, sendAt });
  if (answer.status === 0) return keep({ url: `/tickets/${at}/${kind}`, values: { ...values, undo: undefined }, number: at, kind });
  if (number() === at) dirty.add(kind);
  if (answer.status !== 503) delete ids[kind];
  tell(answer);
}

// Files still on their way are waited for: what was said goes with all of them, or stays here when one fails.
async function sendUploaded(then, how) {
  const [form, kind] = [composer(), tab];
  sending = true;
  form.setAttribute('aria-busy', 'true');
  toast(word('still_uploading'));
  const complete = await uploaded();
  if (composer() !== form) return; // another ticket was opened: this is its draft now
  sending = false;
  form.removeAttribute('aria-busy');
  if (complete && tab === kind) send(then, how);
}

function sent(kind, at, told, text) {
  clearTimeout(saveTimer);
  const more = number() === at ? typedSince(kind, text) : '';
  localStorage.removeItem(`hd-draft:${$('meta[name=hd-agent]').content}:${at}:${kind}`);
  tabs?.postMessage({ at, kind, text: '', html: '' });
  if (number() === at) delete ids[kind], clear(kind);
  if (more) area(kind).value = more, written();
  fetchNow();
  if (told.held) toast(word(told.held === 'review' ? 'held_review' : 'held_later'));
  if (kind === 'reply' && number() === at && !more) advance();
  if (!told.undo_s) return;
  const undo = undoable(() => callBack(told.message, at), { seconds: told.undo_s });
  toast(word('sent'), { seconds: told.undo_s, action: { label: word('undo'), run: undo } });
}

/** What was typed on while the message was on its way: it is the next one. */
function typedSince(kind, text) {
  const now = rich.active(composer()) || tab !== kind ? '' : area(kind).value;
  return now !== text && now.startsWith(text) ? now.slice(text.length).trimStart() : '';
}

// What has to be said before solving is asked for; then the same message goes once more, under the same id.
const needsWords = (errors) => Object.keys(errors ?? {}).some((name) => name === 'reason' || name.startsWith('field.'));

async function completeAndSend(at, how) {
  const told = await ask(`/tickets/${at}/solve-form`);
  if (told && number() === at) send('solve', how);
}

// Where to go after a reply, as the agent chose: the next ticket of the list, the list, or nowhere.
function advance() {
  const where = composer()?.dataset.afterSend;
  if (where === 'list') return void close();
  if (where !== 'next') return;
  const row = $(`#rows [data-number="${number()}"]`);
  const next = row?.nextElementSibling?.dataset?.number ?? row?.previousElementSibling?.dataset?.number;
  next ? open(next) : close();
}

// --- what a macro does, and when it is sent ------------------------------------------------------------------

let thenChosen = '';

function chooseThen(then) {
  thenChosen = then;
  const chip = $('[data-then]', composer());
  if (!chip) return;
  chip.hidden = !then;
  const option = $(`#ticket-head [data-set=status] option[value="${then === 'solve' ? 'solved' : then}"]`);
  $('[data-then-word]', chip).textContent = then ? word('then', { status: option?.textContent ?? then }) : '';
}

document.addEventListener('hd:macro', async ({ detail }) => {
  const at = number();
  const answer = await post(`/tickets/${at}/macros/${detail.macro}`);
  if (!answer.ok) return void tell(answer);
  if (number() === at && tab === 'reply') chooseThen(answer.data.then);
  fetchNow();
});
document.addEventListener('click', (event) => {
  if (event.target.closest('[data-then-off]')) chooseThen('');
  const later = event.target.closest('[data-send-later]');
  if (!later) return;
  const at = later.dataset.sendLater === 'at' ? $('[data-later-at]', composer()).value : later.dataset.sendLater;
  if (!at) return void $('[data-later-at]', composer()).focus();
  later.closest('details').open = false;
  send('default', { sendAt: at });
});

/** The draft as the server has it now (a reply was called back, or is written on) is in the composer. */
export async function restoreDraft({ text, html, attachments = [], shared: along, ...way }) {
  choose('reply');
  rich.leave(composer());
  area('reply').value = text;
  for (const file of attachments) addUploaded(file, 'reply');
  if (along) addShared(along);
  goBy(way);
  await rich.restore(composer(), html, text);
  written();
}

function clear(kind) {
  chooseThen('');
  dirty.delete(kind);
  touchedVia = false;
  area(kind).value = '';
  grow(area(kind));
  if (kind === 'reply') rich.leave(composer());
  clearUploads(kind);
  $('#stop').replaceChildren();
  $('[data-draft-state]', composer()).textContent = '';
  $('#cc').value = '';
  $('#cc-row').hidden = true;
  paintLength();
  look('viewing');
  if (matchMedia('(max-width: 59.99rem)').matches) document.activeElement?.blur(), composer().classList.remove('is-open');
  else area(kind).focus();
}

// It is the draft again, above what was begun since; elsewhere in the meantime, one click leads to it.
async function callBack(message, at) {
  await save();
  const answer = await post(`/messages/${message}/undo`);
  if (!answer.ok) return void tell(answer);
  if (number() === at) restoreDraft(answer.data), toast(word('undone'));
  else toast(word('undone_there', { number: at }), { action: { label: word('open'), run: () => open(at) } });
  fetchNow();
}

// Somebody wrote meanwhile: show it; send as it is, edit, or drop.
function stopped(told, then, sendAt) {
  const box = $('#stop');
  box.innerHTML = told.html;
  fetchNow();
  box.onclick = (event) => {
    const choice = event.target.closest('[data-stop]')?.dataset.stop;
    if (!choice) return;
    seen.seq = Math.max(seen.seq, told.seq);
    box.replaceChildren();
    if (choice === 'send') send(then, { seq: told.seq, force: true, sendAt });
    if (choice === 'edit') delete ids.reply, area('reply').focus();
    if (choice === 'drop') delete ids.reply, clear('reply'), localStorage.removeItem(key('reply')), post(`/tickets/${number()}/draft`, { kind: 'reply', text: '' }), tabs?.postMessage({ at: number(), kind: 'reply', text: '', html: '' });
  };
  $('[data-stop=edit]', box).focus();
}

// --- no connection: kept on this device, sent once when we are back ------------------------------------------

const KEPT = `hd-outbox:${$('meta[name=hd-agent]')?.content}`;
const kept = () => JSON.parse(localStorage.getItem(KEPT) ?? '[]');

function keep(one) {
  const all = kept().filter((other) => other.values.client_msg_id !== one.values.client_msg_id);
  localStorage.setItem(KEPT, JSON.stringify([...all, one]));
  waiting();
}

function waiting() {
  const box = $('#stop');
  const mine = kept().filter((one) => one.number === number());
  if (!box) return;
  $('.hd-kept', box)?.remove();
  if (mine.length) box.insertAdjacentHTML('beforeend', `<div class="hd-alert is-warn hd-kept" role="status"><div></div></div>`), ($('.hd-kept div', box).textContent = word('queued_offline'));
}

let flushing = false;
async function flush() {
  if (flushing || !kept().length || !navigator.onLine) return;
  flushing = true;
  for (const one of kept()) {
    const answer = await post(one.url, one.values);
    if (answer.status === 0 || answer.status === 503 || answer.status === 401) break;
    localStorage.setItem(KEPT, JSON.stringify(kept().filter((other) => other.values.client_msg_id !== one.values.client_msg_id)));
    if (answer.ok) sent(one.kind, one.number, answer.data, one.values.text);
    else if (answer.status === 409 && answer.data.html && number() === one.number) stopped(answer.data, one.values.then);
    else tell(answer);
  }
  flushing = false;
  waiting();
}

addEventListener('online', flush);
document.addEventListener('hd:connected', flush);
document.addEventListener('hd:changes', () => kept().length && online() && flush());

// --- submitting ----------------------------------------------------------------------------------------------

document.addEventListener('submit', (event) => {
  if (event.target.id !== 'composer') return;
  event.preventDefault();
  send(event.submitter?.dataset.send ?? 'default');
});

document.addEventListener('keydown', (event) => {
  if (!(event.ctrlKey || event.metaKey) || event.key !== 'Enter' || event.isComposing) return;
  if (!event.target.closest?.('#composer')) return;
  event.preventDefault();
  send('default');
});

document.addEventListener('keydown', (event) => {
  if (event.key === 'Escape' && event.target.closest?.('#composer') && !event.defaultPrevented) event.target.blur();
});

document.addEventListener('hd:call-logged', () => {
  $('[data-call-slot]', composer())?.replaceChildren();
  choose('reply', { focus: false });
  fetchNow();
  loadSide();
});

