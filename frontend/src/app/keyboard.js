// One key for each deed; never while somebody types or composes a syllable.
import { act, openDialog, ticketNumber } from './menus.js';
import { bulk, checkRange, chosenNumbers, toggleCheck } from './list.js';
import { close, open } from './thread.js';
import { $, $$, typing } from './util.js';
import { openPalette } from './palette.js';
import { undo } from './undo.js';

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

const compose = (tab) => () => document.dispatchEvent(new CustomEvent('hd:compose', { detail: { tab } }));
const me = () => $('meta[name=hd-agent]').content;

/** Which tickets a key is about: those chosen, else the open one (none named), else the one the cursor is on. */
function about() {
  const chosen = chosenNumbers();
  if (chosen.length) return chosen;
  if (ticketNumber()) return [];
  return [current()?.dataset.number].filter(Boolean);
}

/** A deed: `one` on the open ticket, or as a bulk deed on all that are meant. */
const deed = (one, name, value) => () => {
  const many = about();
  if (many.length) return void bulk(name, value, many);
  if (ticketNumber()) one();
};
/** A value is chosen first, by typing a part of it. */
const choose = (name) => () => (about().length || ticketNumber()) && openPalette({ property: name, numbers: about() });
const away = (place) => () => act('move', place, ['spam', 'trash'].includes($('#ticket').dataset.shelf) ? $('#ticket').dataset.shelf : 'inbox');

function snooze() {
  const menu = $('#ticket-head [data-snooze]')?.closest('details');
  if (about().length) return void choose('snooze')();
  if (menu) menu.open = true, $('.hd-menu button', menu).focus();
}

const KEYS = {
  j: () => step(1),
  k: () => step(-1),
  o: () => current() && open(current().dataset.number),
  Enter: () => current() && open(current().dataset.number),
  u: () => $('#ticket') && close(),
  r: compose('reply'),
  n: compose('note'),
  c: () => { const take = $('#calls [data-call-take]'); take ? take.click() : location.assign('/new/call'); },
  w: () => location.assign('/new/message'),
  a: choose('assignee'),
  i: deed(() => act('assignee', me(), $('#ticket-head [data-set=assignee]')?.dataset.was ?? ''), 'assignee', 'me'),
  t: choose('team'),
  g: choose('tag'),
  p: choose('priority'),
  s: snooze,
  e: deed(() => act('status', 'solved', $('#ticket').dataset.status), 'status', 'solved'),
  m: () => document.dispatchEvent(new CustomEvent('hd:merge')),
  '#': deed(away('trash'), 'move', 'trash'),
  '!': deed(away('spam'), 'move', 'spam'),
  x: () => toggleCheck(current()),
  X: () => current() && checkRange(current()),
  z: undo,
  '/': () => $('#search')?.focus(),
  '?': () => openDialog('shortcuts'),
};
const NEED_TICKET = new Set(['r', 'n', 'm']);

document.addEventListener('keydown', (event) => {
  if (event.isComposing || event.keyCode === 229) return;
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 'k') {
    event.preventDefault();
    return void openPalette();
  }
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  if (typing(event.target) || $('dialog[open]') || event.target.closest?.('details[data-menu][open]')) return;
  if (event.key === 'Enter' && !event.target.closest('#rows') && event.target !== document.body) return;
  const run = KEYS[event.key];
  if (!run || (NEED_TICKET.has(event.key) && !ticketNumber())) return;
  event.preventDefault();
  run();
});

// The properties in a ticket's head change the ticket at once. So no stray letter and no arrow may choose another value:
// an arrow opens the list, a letter is a shortcut like anywhere else.
document.addEventListener('keydown', (event) => {
  const field = event.target.closest?.('select[data-set]');
  if (!field || event.ctrlKey || event.metaKey || event.altKey) return;
  if (/^(Arrow|Home|End|Page)/.test(event.key)) {
    event.preventDefault();
    try {
      field.showPicker();
    } catch {
      // a browser without it: Space and Enter open the list
    }
  } else if (event.key.length === 1 && event.key !== ' ') event.preventDefault();
});
