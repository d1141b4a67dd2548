// One key for each deed; never while somebody types or composes a syllable.
import { act, openDialog, ticketNumber, undo } from './menus.js';
import { checkRange, toggleCheck, undoBulk } from './list.js';
import { close, open } from './thread.js';
import { $, $$, typing } from './util.js';
import { openPalette } from './palette.js';

const rows = () => $$('#rows > [data-id]');
const current = () => document.activeElement?.closest?.('#rows > [data-id]') ?? $('#rows > .is-cursor') ?? $('#rows > .is-selected');

function step(by) {
  const all = rows();
  if (!all.length) return;
  const at = all.indexOf(current());
  const next = all[Math.max(0, Math.min(all.length - 1, at < 0 ? 0 : at + by))];
  for (const row of $$('#rows > .is-cursor')) row.classList.remove('is-cursor');
  next.classList.add('is-cursor');
  const link = $('.hd-row-open', next);
  link.focus({ preventScroll: true });
  next.scrollIntoView({ block: 'nearest' });
  if ($('#shell').classList.contains('show-ticket') && $('#ticket') && matchMedia('(min-width: 60rem)').matches) open(next.dataset.number);
}

const pick = (name) => () => {
  const field = $(`#ticket-head [data-set="${name}"]`);
  field?.focus();
  try {
    field?.showPicker?.();
  } catch {
    // the browser wants a pointer for that; the field has the focus
  }
};
const compose = (tab) => () => document.dispatchEvent(new CustomEvent('hd:compose', { detail: { tab } }));
const me = () => $('meta[name=hd-agent]').content;
const status = () => $('#ticket')?.dataset.status;

const KEYS = {
  j: () => step(1),
  k: () => step(-1),
  o: () => current() && open(current().dataset.number),
  Enter: () => current() && open(current().dataset.number),
  u: () => $('#pane') && close(),
  r: compose('reply'),
  n: compose('note'),
  c: () => { const take = $('#calls [data-call-take]'); take ? take.click() : location.assign('/new/call'); },
  w: () => location.assign('/new/message'),
  a: pick('assignee'),
  i: () => act('assignee', me(), $('#ticket-head [data-set=assignee]')?.dataset.was ?? ''),
  t: pick('team'),
  g: () => $('#aside [name=tag]')?.focus(),
  p: pick('priority'),
  s: () => { const menu = $('#ticket-head [data-snooze]')?.closest('details'); if (menu) menu.open = true, $('.hd-menu button', menu).focus(); },
  e: () => act('status', 'solved', status()),
  m: () => document.dispatchEvent(new CustomEvent('hd:merge')),
  '#': () => act('move', 'trash', 'inbox'),
  '!': () => act('move', 'spam', 'inbox'),
  x: () => toggleCheck(current()),
  X: () => current() && checkRange(current()),
  z: () => undoBulk() || undo(),
  '/': () => $('#search')?.focus(),
  '?': () => openDialog('shortcuts'),
};
const NEED_TICKET = new Set(['r', 'n', 'a', 'i', 't', 'g', 'p', 's', 'e', 'm', '#', '!']);

document.addEventListener('keydown', (event) => {
  if (event.isComposing || event.keyCode === 229) return;
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 'k') {
    event.preventDefault();
    return void openPalette();
  }
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  if (typing(event.target) || $('dialog[open]') || event.target.closest?.('details[data-menu][open]')) return;
  if (event.key === 'Enter' && !event.target.closest('#rows') && event.target !== document.body) return;
  const deed = KEYS[event.key];
  if (!deed || (NEED_TICKET.has(event.key) && !ticketNumber())) return;
  event.preventDefault();
  deed();
});
