// Who else looks at a ticket: on its row and in its head; and telling others that we do.
// @icons pencil eye bolt arrow-up-right user filter
import { emit } from './live.js';
import { act } from './menus.js';
import { $, $$, escape, icon, toast, word } from './util.js';

const AGAIN_MS = 20_000;
const me = Number($('meta[name=hd-agent]')?.content);
const where = new Map(); // ticket -> [{id, name, state}]
let mine = { ticket: null, state: 'away' };

const first = (name) => name.split(' ').at(-1);

document.addEventListener('hd:presence', ({ detail: { ticket, who } }) => {
  where.set(ticket, who.filter((one) => one.id !== me));
  paint(ticket);
});

function paint(ticket) {
  const who = where.get(ticket) ?? [];
  const row = $(`[data-presence="${ticket}"]`);
  const writer = who.find((one) => one.state === 'replying');
  if (row) row.innerHTML = who.length ? `${icon(writer ? 'pencil' : 'eye')}${escape(first((writer ?? who[0]).name))}${who.length > 1 ? ` +${who.length - 1}` : ''}` : '';
  if ($('#ticket')?.dataset.ticket === String(ticket)) head(who);
}

function head(who) {
  const box = $('#presence');
  if (!box) return;
  const faces = who.slice(0, 4).map((one) => `<span class="hd-av hd-av-24 a2${one.state === 'replying' ? ' is-writing' : ''}" aria-hidden="true">${escape(initials(one.name))}</span>`);
  const said = who.map((one) => word(one.state === 'replying' ? 'replying' : 'viewing', { name: first(one.name) })).join(' · ');
  const writers = who.filter((one) => one.state === 'replying');
  const take = writers.length && $('#composer') ? `<button class="btn hd-sm hd-take" type="button" data-take-over>${escape(word('take_over'))}</button>` : '';
  box.innerHTML = who.length ? `<span class="hd-stack">${faces.join('')}</span><span class="hd-presence-t">${escape(said)}</span>${take}` : '';
  const dots = '<span class="hd-dots" aria-hidden="true"><i></i><i></i><i></i></span>';
  $('#typing').innerHTML = writers.length ? `<span>${escape(word('is_replying', { name: writers.map((one) => one.name).join(', ') }))}</span>${dots}` : '';
}

const initials = (name) => name.split(/\s+/).filter(Boolean).map((part) => part[0]).filter((_, i, all) => i === 0 || i === all.length - 1).join('').toUpperCase();

// A customer types in the chat.
let typingTimer = 0;
document.addEventListener('hd:typing', ({ detail }) => {
  const ticket = $('#ticket');
  if (!ticket || ticket.dataset.ticket !== String(detail.ticket)) return;
  $('#typing').innerHTML = `<span>${escape(word('is_replying', { name: ticket.dataset.customer }))}</span><span class="hd-dots" aria-hidden="true"><i></i><i></i><i></i></span>`;
  clearTimeout(typingTimer);
  typingTimer = setTimeout(() => head(where.get(detail.ticket) ?? []), 5000);
});

// --- taking over -----------------------------------------------------------------------------------------------

document.addEventListener('click', (event) => {
  if (!event.target.closest('[data-take-over]')) return;
  act('assignee', String(me), $('#ticket-head [data-set=assignee]')?.dataset.was ?? '');
  document.dispatchEvent(new CustomEvent('hd:compose', { detail: { tab: 'reply' } }));
});

// Somebody else took it while one was writing: said once; what was written stays.
document.addEventListener('hd:changes', ({ detail }) => {
  const ticket = Number($('#ticket')?.dataset.ticket);
  const taken = (detail.events ?? []).findLast((one) => one.type === 'ticket_assigned' && one.ticket === ticket && one.actor !== `agent:${me}`);
  if (!taken || !$('[data-write=reply]')?.value.trim()) return;
  const id = Number(taken.actor.split(':')[1]);
  const option = $(`#ticket-head [data-set=assignee] option[value="${id}"]`);
  if (option?.selected) toast(word('taken_over', { name: option.textContent }), { seconds: 10 });
});

// --- telling others ------------------------------------------------------------------------------------------

export function look(state) {
  const ticket = Number($('#ticket')?.dataset.ticket) || null;
  if (ticket === null) return;
  if (mine.ticket === ticket && mine.state === state) return;
  mine = { ticket, state };
  emit('look', mine);
}

document.addEventListener('hd:ticket', () => {
  mine = { ticket: null, state: 'away' };
  look('viewing');
  paint(Number($('#ticket').dataset.ticket));
});
document.addEventListener('hd:head', () => $('#ticket') && paint(Number($('#ticket').dataset.ticket)));
document.addEventListener('hd:leave-ticket', () => {
  if (mine.ticket) emit('look', { ticket: mine.ticket, state: 'away' });
  mine = { ticket: null, state: 'away' };
});
document.addEventListener('hd:connected', () => mine.ticket && emit('look', mine));
document.addEventListener('hd:disconnected', () => {
  where.clear();
  for (const row of $$('[data-presence]')) row.innerHTML = '';
  const box = $('#presence');
  if (box) box.innerHTML = `<span class="hd-presence-t">${escape(word('presence_unknown'))}</span>`;
});
document.addEventListener('hd:changes', ({ detail }) => Object.keys(detail.rows ?? {}).length && [...where.keys()].forEach(paint));
setInterval(() => !document.hidden && mine.ticket && emit('look', mine), AGAIN_MS);
