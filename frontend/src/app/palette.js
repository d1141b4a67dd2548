// The command palette: deeds on the open ticket first, then tickets, customers, views and pages.
import { act } from './menus.js';
import { open } from './thread.js';
import { $, $$, escape, folded, icon, word } from './util.js';

let found = [];
let turn = 0;
let kept = null; // what the keys chose: answers that come later do not choose something else

export function openPalette() {
  const dialog = $('#palette');
  if (!dialog || dialog.open) return;
  const number = $('#ticket')?.dataset.ticket;
  const context = $('[data-palette-ctx]');
  context.hidden = !number;
  context.textContent = number ? `#${number}` : '';
  $('[data-palette-in]').value = '';
  kept = null;
  dialog.showModal();
  search('');
}

/** Every control of the open ticket's head is a command, under its own name. */
function deeds() {
  const items = [];
  for (const field of $$('#ticket-head select[data-set]')) {
    for (const option of $$('option', field)) {
      if (option.value === field.value) continue;
      items.push({ label: `${field.getAttribute('aria-label')}: ${option.textContent}`, icon: 'bolt', run: () => act(field.dataset.set, option.value, field.dataset.was) });
    }
  }
  for (const button of $$('#ticket-head [data-act]')) {
    const label = button.textContent.trim().replace(/\s*[!#]$/, '');
    items.push({ label, icon: 'bolt', run: () => button.click() });
  }
  for (const tab of $$('#composer [data-tab]')) items.push({ label: tab.textContent.trim(), icon: 'pencil', run: () => document.dispatchEvent(new CustomEvent('hd:compose', { detail: { tab: tab.dataset.tab } })) });
  return items;
}

const pages = () => $$('.hd-nav-foot a.hd-nav-item, .hd-new-menu a, .hd-me-menu a').map((link) => ({ label: link.querySelector('span').textContent, icon: 'arrow-up-right', run: () => location.assign(link.href) }));

async function search(typed) {
  const mine = ++turn;
  const wanted = folded(typed.trim());
  const matches = (item) => wanted.split(/\s+/).every((part) => folded(item.label).includes(part));
  const groups = [[$('[data-palette-ctx]').textContent, deeds().filter(matches).slice(0, wanted ? 6 : 5)], ['', pages().filter(matches).slice(0, 6)]];
  paint(groups);
  const response = await fetch(`/inbox/palette?q=${encodeURIComponent(typed)}`, { headers: { Accept: 'application/json' } }).catch(() => null);
  if (!response?.ok || mine !== turn) return;
  const told = await response.json();
  const macros = await macrosFor(typed);
  if (mine !== turn) return;
  const go = (item) => ({ ...item, run: () => (item.number && $('#pane') ? open(item.number) : location.assign(item.url)) });
  paint([groups[0], [told.words.tickets, told.tickets.map(go)], [told.words.customers, told.customers.map((item) => go({ ...item, icon: 'user' }))], [told.words.macros, macros], [told.words.views, told.views.map((item) => go({ ...item, icon: 'filter' }))], [told.words.settings, told.settings.map((item) => go({ ...item, icon: 'settings' }))], groups[1]]);
}

/** Macros of the open ticket, their placeholders filled; chosen, the text stands in the reply. */
async function macrosFor(typed) {
  const number = $('#composer')?.dataset.number;
  if (!number || !typed.trim()) return [];
  const response = await fetch(`/tickets/${number}/suggest?for=/&q=${encodeURIComponent(typed)}`, { headers: { Accept: 'application/json' } }).catch(() => null);
  if (!response?.ok) return [];
  return (await response.json()).items.slice(0, 5).map((item) => ({ label: item.label, hint: item.hint, icon: 'bolt', run: () => useMacro(item) }));
}

function useMacro(item) {
  document.dispatchEvent(new CustomEvent('hd:compose', { detail: { tab: 'reply' } }));
  setTimeout(() => {
    const area = $('[data-write=reply]');
    if (!area) return;
    area.focus();
    area.setRangeText(item.insert, area.selectionStart, area.selectionEnd, 'end');
    area.dispatchEvent(new Event('input', { bubbles: true }));
    document.dispatchEvent(new CustomEvent('hd:macro', { detail: item }));
  }, 30);
}

function paint(groups) {
  found = groups.flatMap(([, items]) => items);
  const box = $('#cmds');
  let n = 0;
  box.innerHTML = groups.filter(([, items]) => items.length).map(([name, items], g) => {
    const options = items.map((item) => `<div class="hd-cmd" role="option" id="cmd-${n}" data-n="${n++}" aria-selected="false">${item.status ? `<i class="hd-dot is-${item.status.replace('_', '-')}"></i>` : icon(item.icon ?? 'bolt', 18)}<span class="hd-clip">${escape(item.label)}</span><span class="hd-end">${escape(item.hint ?? '')}</span></div>`);
    return `<div role="group"${name ? ` aria-labelledby="cmd-g${g}"` : ''}>${name ? `<div class="hd-palette-h" id="cmd-g${g}">${escape(name)}</div>` : ''}${options.join('')}</div>`;
  }).join('') || `<p class="hd-palette-h">${escape(word('nothing_found'))}</p>`;
  choose(Math.max(0, kept ? found.findIndex((item) => item.label === kept.label && item.hint === kept.hint) : 0));
}

function choose(n) {
  const options = $$('#cmds [role=option]');
  const at = Math.max(0, Math.min(options.length - 1, n));
  options.forEach((option, i) => option.setAttribute('aria-selected', String(i === at)));
  options[at]?.scrollIntoView({ block: 'nearest' });
  $('[data-palette-in]').setAttribute('aria-activedescendant', options[at]?.id ?? '');
}

const chosen = () => Number($('#cmds [aria-selected=true]')?.dataset.n ?? -1);

function run(n) {
  $('#palette').close();
  found[n]?.run();
}

document.addEventListener('input', (event) => event.target.matches('[data-palette-in]') && (kept = null, search(event.target.value)));
document.addEventListener('keydown', (event) => {
  if (!event.target.matches?.('[data-palette-in]') || event.isComposing) return;
  if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
    event.preventDefault();
    choose(chosen() + (event.key === 'ArrowDown' ? 1 : -1));
    kept = found[chosen()] ?? null;
  } else if (event.key === 'Enter') {
    event.preventDefault();
    run(chosen());
  }
});
document.addEventListener('click', (event) => {
  const option = event.target.closest('#cmds [role=option]');
  if (option) run(Number(option.dataset.n));
});
