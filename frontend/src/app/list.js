// The list: rows come, change and leave by themselves, but nothing moves under the pointer.
import { Idiomorph } from 'idiomorph';
import { $, $$, announce, folded, fragment, parse, post, tell, toast, word } from './util.js';
import { fetchNow, paintCounts } from './live.js';
import { underway, undoable } from './undo.js';

const pending = new Map(); // id -> html, rows that wait for the reader
let pointerIn = false;
let movedAt = 0;

const rows = () => $('#rows');
const rowOf = (id) => document.getElementById(`row-${id}`);

document.addEventListener('pointerover', (event) => { pointerIn = event.pointerType !== 'touch' && Boolean(event.target.closest?.('#rows')); });
document.addEventListener('pointermove', () => { movedAt = Date.now(); }, { passive: true });

/** Somebody reads the list: scrolled down, pointing into it (not just resting there for long), or walking it by keys. */
function reading() {
  const box = rows();
  if (!box) return false;
  return box.scrollTop > 24 || (pointerIn && Date.now() - movedAt < 60_000) || (box.contains(document.activeElement) && document.activeElement !== box);
}

// --- changes -------------------------------------------------------------------------------------------------

document.addEventListener('hd:changes', (event) => {
  if (!event.detail.rows || !rows()) return;
  const calm = !reading();
  for (const [id, row] of Object.entries(event.detail.rows)) {
    if (row === null) gone(id, calm);
    else if (rowOf(id)) update(id, row.html, calm), rowOf(id).classList.toggle('is-gone', Boolean(row.gone));
    else if (belongs(row.html)) {
      calm ? insert(row.html) : pending.set(id, row.html);
      if (!row.known) arrived.push(id);
    }
  }
  settle();
  tellArrivals();
});

// Told to who cannot see the list change, once for several that come together.
let arrived = [];
let telling = 0;
function tellArrivals() {
  if (!arrived.length || telling) return;
  telling = setTimeout(() => {
    const row = arrived.length === 1 ? (rowOf(arrived[0]) ?? (pending.get(arrived[0]) && element(pending.get(arrived[0])))) : null;
    announce(row ? word('arrived_one', { name: $('.hd-row-open', row).getAttribute('aria-label') }) : word('arrived', { n: arrived.length }));
    arrived = [];
    telling = 0;
  }, 700);
}

function element(html) {
  return parse(html).querySelector('li');
}

function update(id, html, calm) {
  const old = rowOf(id);
  const fresh = element(html);
  const checked = $('[data-check]', old)?.checked;
  const presence = $('[data-presence]', old)?.innerHTML ?? '';
  const moves = old.dataset.sort !== fresh.dataset.sort;
  $('[data-presence]', fresh).innerHTML = presence;
  old.classList.remove('is-gone');
  Idiomorph.morph(old, fresh.outerHTML, { morphStyle: 'outerHTML' });
  const now = rowOf(id);
  if (checked) $('[data-check]', now).checked = true, now.classList.add('is-checked');
  if (!moves) return;
  if (calm) place(now);
  else pending.set(id, null); // moves up when nobody looks
}

function gone(id, calm) {
  pending.delete(id);
  const old = rowOf(id);
  if (!old) return;
  if (calm && !old.classList.contains('is-selected')) old.remove();
  else old.classList.add('is-gone');
}

/** Beyond what is loaded it will come with its page. */
function belongs(html) {
  const more = $('.hd-more');
  const last = $$('#rows > [data-id]').at(-1);
  return !more || !last || element(html).dataset.sort > last.dataset.sort;
}

function insert(html) {
  place(element(html));
}

function place(row) {
  const next = $$('#rows > [data-id]').find((other) => other !== row && other.dataset.sort < row.dataset.sort);
  if (next?.previousElementSibling === row) return;
  rows().insertBefore(row, next ?? $('.hd-more'));
}

function settle() {
  const button = $('[data-newer]');
  if (!button) return;
  const count = [...pending.entries()].filter(([, html]) => html !== null).length;
  button.hidden = count === 0;
  if (count) button.querySelector('span').textContent = word(count === 1 ? 'newer_one' : 'newer', { n: count });
  $('.hd-none').hidden = $$('#rows > [data-id]').length > 0;
  paintBulk();
}

export function showNewer() {
  for (const [id, html] of pending) {
    if (html === null) rowOf(id) && place(rowOf(id));
    else if (!rowOf(id)) insert(html);
  }
  pending.clear();
  for (const row of $$('#rows > .is-gone:not(.is-selected)')) row.remove();
  rows().scrollTop = 0;
  settle();
}

document.addEventListener('click', (event) => event.target.closest('[data-newer]') && showNewer());
// What waited takes its place once nobody reads the list any more.
setInterval(() => rows() && !document.hidden && !reading() && (pending.size || $('#rows > .is-gone:not(.is-selected)')) && showNewer(), 3000);
document.addEventListener('hd:reset', () => $('#list') && reload());

// --- paging --------------------------------------------------------------------------------------------------

const more = new IntersectionObserver((seen) => seen.some((one) => one.isIntersecting) && loadMore(), { rootMargin: '400px' });
let loading = false;

async function loadMore() {
  const mark = $('.hd-more');
  if (!mark || loading) return;
  loading = true;
  const html = await fragment(mark.dataset.more, { quiet: true });
  loading = false;
  if (html === null || !mark.isConnected) return;
  for (const fresh of [...parse(html).children]) {
    if (fresh.dataset.id && rowOf(fresh.dataset.id)) continue;
    if (beyond.includes(fresh.dataset.number)) $('[data-check]', fresh).checked = true;
    rows().insertBefore(fresh, mark);
  }
  more.unobserve(mark);
  mark.remove();
  paintBulk();
  watch();
}

function watch() {
  const mark = $('.hd-more');
  if (mark) more.observe(mark);
}

// --- another view, filter or order ---------------------------------------------------------------------------

/** Load a list into the page; `query` without the question mark. */
export async function show(query, { push = true } = {}) {
  pending.clear();
  beyond = [];
  const list = $('#list');
  const slow = setTimeout(() => list.setAttribute('aria-busy', 'true'), 120);
  const open = $('#ticket')?.dataset.ticket;
  const html = await fragment(`/inbox/list?${query}${open ? `&open=${open}` : ''}`);
  clearTimeout(slow);
  list.removeAttribute('aria-busy');
  if (html === null) return;
  list.replaceWith(parse(html));
  const key = $('#list').dataset.viewKey;
  for (const link of $$('.hd-nav [data-view]')) link.toggleAttribute('aria-current', false);
  $(`.hd-nav [data-view="${CSS.escape(key)}"]`)?.setAttribute('aria-current', 'page');
  if (push) history.pushState({}, '', open ? `/tickets/${open}?${query}` : `/?${query}`);
  if (!open) document.title = $('#list').dataset.title;
  watch();
  fetchNow();
}

const reload = () => show($('#list').dataset.query, { push: false });

document.addEventListener('click', (event) => {
  if (event.ctrlKey || event.metaKey || event.shiftKey || event.button || !$('#list')) return;
  const link = event.target.closest('.hd-nav a[data-view]');
  if (link) {
    event.preventDefault();
    if ($('#shell').matches('.show-ticket') && matchMedia('(max-width: 47.99rem)').matches) document.dispatchEvent(new CustomEvent('hd:close-ticket'));
    return void show(new URL(link.href).search.slice(1));
  }
  const chip = event.target.closest('[data-unfilter]');
  if (chip) {
    const query = new URLSearchParams($('#list').dataset.openQuery);
    query.delete(chip.dataset.unfilter);
    show(query.toString());
  }
  const again = event.target.closest('[data-refilter]');
  if (again) {
    event.stopPropagation(); // a click elsewhere closes menus
    openBuilder(again.dataset.refilter);
  }
}, true);

/** The builder, with one condition unfolded. */
async function openBuilder(key) {
  const menu = $('[data-filter-menu]');
  const ready = $('[data-condition]', menu);
  menu.open = true;
  const deadline = Date.now() + 5000;
  while (!ready && !$('[data-condition]', menu) && Date.now() < deadline) await new Promise((done) => setTimeout(done, 40));
  const one = $(`[data-condition="${CSS.escape(key)}"]`, menu);
  if (one) one.open = true, $('summary', one).focus();
}

document.addEventListener('change', (event) => {
  if (!event.target.matches('[data-list-param]')) return;
  const query = new URLSearchParams($('#list').dataset.query.startsWith('view=v') ? $('#list').dataset.openQuery : $('#list').dataset.query);
  query.set(event.target.dataset.listParam, event.target.value);
  show(query.toString());
});

document.addEventListener('input', (event) => {
  if (!event.target.matches('[data-find]')) return;
  const wanted = folded(event.target.value);
  for (const item of $$('li', event.target.closest('fieldset'))) item.hidden = !folded(item.textContent).includes(wanted);
});

/** What was clicked together, as an address: values of one condition with commas, two dates as a period. */
function built(form) {
  const query = new URLSearchParams();
  for (const [name, value] of new FormData(form)) {
    if (!value || name.startsWith('not.')) continue;
    query.set(name, query.has(name) ? `${query.get(name)},${value}` : value);
  }
  for (const from of $$('[data-period][data-end=from]', form)) {
    const until = $(`[data-period="${from.dataset.period}"][data-end=until]`, form);
    if (from.value || until.value) query.set(from.dataset.period, `${from.value}..${until.value}`);
  }
  for (const turned of $$('[name^="not."]:checked', form)) {
    const key = turned.name.slice(4);
    if (query.has(key)) query.set(key, `-${query.get(key)}`);
  }
  return query;
}

document.addEventListener('submit', (event) => {
  if (!event.target.matches('[data-filter-form]')) return;
  event.preventDefault();
  event.target.closest('details').open = false;
  show(built(event.target).toString());
});

// What is saved as a view is the list on the page, not the one it was loaded with.
document.addEventListener('click', (event) => {
  const saver = event.target.closest('[data-save-query]');
  if (saver) $('[data-save-view] [name=query]').value = saver.dataset.saveQuery;
});

// --- choosing several ----------------------------------------------------------------------------------------

const checked = () => $$('#rows [data-check]:checked');
let beyond = []; // numbers of chosen tickets that are not on the page
export const chosenNumbers = () => [...new Set([...checked().map((box) => box.value), ...beyond])];

function paintBulk() {
  const bar = $('[data-bulk]');
  if (!bar) return;
  const many = chosenNumbers();
  bar.hidden = many.length === 0;
  $('[data-bulk-whole]', bar).hidden = !$('.hd-more') || beyond.length > 0 || !$('[data-check-all]', bar).checked;
  $('[data-bulk-count]').textContent = word('selected', { n: many.length });
  for (const row of $$('#rows > [data-id]')) row.classList.toggle('is-checked', Boolean($('[data-check]', row)?.checked));
}

export function toggleCheck(row) {
  const box = row && $('[data-check]', row);
  if (!box) return;
  box.checked = !box.checked;
  if (!box.checked) leaveWhole();
  anchor = row;
  paintBulk();
}

let anchor = null; // the row that was chosen last: Shift goes on from there

/** All rows from the one chosen last to this one. */
export function checkRange(row) {
  const all = $$('#rows > [data-id]');
  const [from, to] = [all.indexOf(anchor?.isConnected ? anchor : all[0]), all.indexOf(row)].sort((a, b) => a - b);
  for (const one of all.slice(Math.max(0, from), to + 1)) $('[data-check]', one).checked = true;
  anchor = row;
  paintBulk();
}

document.addEventListener('click', (event) => {
  const box = event.target.closest('[data-check]');
  if (!box) return;
  const row = box.closest('[data-id]');
  if (event.shiftKey && box.checked) checkRange(row);
  anchor = row;
});

document.addEventListener('change', (event) => {
  if (event.target.matches('[data-check]')) {
    if (!event.target.checked) leaveWhole();
    paintBulk();
  }
  if (event.target.matches('[data-check-all]')) {
    for (const box of $$('#rows [data-check]')) box.checked = event.target.checked;
    if (!event.target.checked) beyond = [];
    paintBulk();
  }
  const pick = event.target.closest('[data-bulk-pick]');
  if (pick) {
    pick.closest('details').open = false;
    bulk(pick.dataset.bulkPick, pick.value);
  }
});

document.addEventListener('submit', (event) => {
  if (!event.target.matches('[data-bulk-tag]')) return;
  event.preventDefault();
  const tag = event.target.elements.tag.value.trim();
  if (!tag) return;
  event.target.closest('details').open = false;
  bulk('tag', tag);
});

document.addEventListener('click', (event) => {
  const toggle = event.target.closest('[data-select-many]');
  if (toggle) {
    const on = $('#rows').classList.toggle('is-choosing');
    toggle.setAttribute('aria-pressed', String(on));
  }
  if (event.target.closest('[data-bulk-clear]')) clearChecks();
  if (event.target.closest('[data-bulk-whole]')) chooseWhole();
  const deed = event.target.closest('[data-bulk-do]');
  if (deed) bulk(deed.dataset.bulkDo, deed.dataset.bulkValue ?? '');
});

/** All of the list, also what is not loaded. */
async function chooseWhole() {
  const response = await fetch(`/inbox/list/numbers?${$('#list').dataset.query}`, { headers: { Accept: 'application/json' } }).catch(() => null);
  if (!response?.ok) return void toast(word('no_connection'), { bad: true });
  const { numbers, more } = await response.json();
  beyond = numbers.map(String);
  paintBulk();
  if (more) toast(word('chosen_most', { n: numbers.length }));
}

/** One was taken out: only those on the page stay chosen. */
function leaveWhole() {
  beyond = [];
  $('[data-check-all]').checked = false;
}

function clearChecks() {
  leaveWhole();
  for (const box of checked()) box.checked = false;
  paintBulk();
}

// --- one deed on all of them: a few at a time, told how far it is, taken back as a whole ----------------------

const STEP = 20;

/** Do it to those chosen, or to `numbers`. */
export const bulk = (deed, value, numbers = chosenNumbers()) => numbers.length && underway(onAll(deed, value, numbers));

async function onAll(deed, value, numbers) {
  const told = await inSteps([{ do: deed, value, number: numbers }]);
  clearChecks();
  fetchNow();
  for (const { why, number } of told.refused) toast(`${why} (${number.map((n) => `#${n}`).join(', ')})`, { bad: true, seconds: 12 });
  if (!told.undo.length) return void (told.count && toast(word('bulk_done', { n: told.count })));
  const undo = undoable(() => takeBack(told.undo));
  toast(word('bulk_done', { n: told.count }), { action: { label: word('undo'), run: undo }, seconds: 12 });
}

/** Run groups of {do, value, number}; a step that fails ends it, and what was done before can still be undone. */
async function inSteps(groups) {
  const steps = groups.flatMap(({ do: deed, value, number }) => Array.from({ length: Math.ceil(number.length / STEP) }, (_, i) => ({ do: deed, value, number: number.slice(i * STEP, (i + 1) * STEP) })));
  const told = { count: 0, undo: [], refused: [] };
  const bar = $('[data-bulk-far]');
  if (bar) bar.max = steps.length, bar.value = 0, bar.hidden = steps.length < 2;
  for (const step of steps) {
    const answer = await post('/tickets/bulk', step);
    if (!answer.ok) {
      tell(answer);
      break;
    }
    told.count += answer.data.count;
    told.undo.push(...answer.data.undo);
    told.refused.push(...answer.data.refused);
    if (bar) bar.value += 1;
  }
  if (bar) bar.hidden = true;
  return told;
}

/** Each ticket gets back what it had. */
async function takeBack(groups) {
  const { count } = await inSteps(groups);
  toast(word('bulk_undone', { n: count }));
  fetchNow();
}

watch();
export { paintCounts };
