// The command palette: deeds on the open ticket first, then tickets, customers, views and pages. Asked for one property
// (whom to assign, which tag), it offers that one's values alone, for the open ticket or for all that are chosen.
import { bulk } from './list.js';
import { act, tag } from './menus.js';
import { area } from './composer.js';
import { writer } from './rich.js';
import { open } from './thread.js';
import { $, $$, escape, folded, fragment, icon, parse, word } from './util.js';

let found = [];
let turn = 0;
let kept = null; // what the keys chose: answers that come later do not choose something else
let property = null; // {name, numbers, values}: whose values are offered, where it is only one

/** `property`: only the values of this one; `numbers`: of these tickets instead of the open one. */
export function openPalette(asked = {}) {
  const dialog = $('#palette');
  if (!dialog || dialog.open) return;
  const number = $('#ticket')?.dataset.ticket;
  const numbers = asked.numbers ?? [];
  property = asked.property ? { name: asked.property, numbers, values: valuesOf(asked.property, numbers) } : null;
  const about = numbers.length > 1 ? word('selected', { n: numbers.length }) : (numbers[0] ?? number) ? `#${numbers[0] ?? number}` : '';
  const context = $('[data-palette-ctx]');
  context.hidden = !about;
  context.textContent = about;
  const input = $('[data-palette-in]');
  input.value = '';
  input.dataset.all ??= input.placeholder;
  input.placeholder = property ? word(`choose_${property.name}`) : input.dataset.all;
  kept = null;
  dialog.showModal();
  search('');
}

// --- the values of one property ------------------------------------------------------------------------------

/** [value, words] of what may be chosen; those of several tickets are asked for. */
async function valuesOf(name, numbers) {
  const form = numbers.length ? parse((await fragment('/tickets/bulk/form')) ?? '') : $('#ticket');
  const options = name === 'tag' ? $$('datalist[id$=-tags] option', form) : $$(numbers.length ? `[data-bulk-pick=${name}] option:not(:disabled)` : `#ticket-head [data-set=${name}] option:not(:checked)`, form);
  return options.map((option) => [option.value, option.textContent || option.value]);
}

async function choices(typed) {
  const mine = ++turn;
  const { name, numbers, values } = property;
  const wanted = folded(typed.trim()).split(/\s+/);
  const fits = (await values).filter(([, words]) => wanted.every((part) => folded(words).includes(part)));
  if (mine !== turn) return;
  const begins = ([, words]) => folded(words).split(/\s+/).some((part) => part.startsWith(wanted[0]));
  fits.sort(([a], [b]) => Number(['', '0'].includes(a)) - Number(['', '0'].includes(b))); // nobody, no team: last
  const items = [...fits.filter(begins), ...fits.filter((one) => !begins(one))].slice(0, 50).map(([value, words]) => choice(name, numbers, value, words));
  const fresh = name === 'tag' && typed.trim() && !fits.some(([, words]) => folded(words) === folded(typed.trim()));
  if (fresh) items.push(choice(name, numbers, typed.trim(), word('new_tag', { name: typed.trim() })));
  paint([['', items]]);
}

function choice(name, numbers, value, label) {
  const was = $(`#ticket-head [data-set="${name}"]`)?.dataset.was;
  const one = name === 'tag' ? () => tag({ add: value }) : () => act(name, value, was);
  return { label, icon: 'bolt', run: () => (numbers.length ? bulk(name, value, numbers) : one()) };
}

// --- everything ----------------------------------------------------------------------------------------------

const iconOf = (control) => $('use', control)?.getAttribute('href').split('#')[1];
const TAB_KEYS = { reply: 'r', note: 'n', call: '' };
const OFTEN = 'eim!#'; // the other keys, what is done most first

/** Every control of the open ticket's head is a command under its own name, with its own icon and key: what is done most first. */
function deeds() {
  const tabs = $$('#composer [data-tab]').map((tab) => ({ label: tab.textContent.trim(), icon: iconOf(tab), key: TAB_KEYS[tab.dataset.tab], run: () => document.dispatchEvent(new CustomEvent('hd:compose', { detail: { tab: tab.dataset.tab } })) }));
  const buttons = $$('#ticket-head :is(button[data-act], .hd-menu :is(button, a).hd-cmd)').map((button) => ({ label: labelOf(button), icon: iconOf(button) ?? iconOf(button.closest('details')), key: $('.hd-kbd', button)?.textContent ?? (button.title.length === 1 ? button.title : ''), run: () => button.click() }));
  const values = $$('#ticket-head select[data-set]').flatMap((field) => $$('option', field).filter((option) => option.value !== field.value).map((option) => valueOf(field, option)));
  const keyed = [...buttons, ...values].filter((item) => item.key).sort((a, b) => OFTEN.indexOf(a.key) - OFTEN.indexOf(b.key));
  const rare = (item) => !item.key;
  return [...tabs, ...keyed, ...values.filter(rare), ...buttons.filter(rare)];
}

function labelOf(button) {
  const label = (button.querySelector('span') ?? button).textContent.trim();
  return button.closest('[data-snooze]') ? `${$('summary', button.closest('details')).getAttribute('aria-label')}: ${label}` : label;
}

function valueOf(field, option) {
  const mine = field.dataset.set === 'assignee' && option.value === $('meta[name=hd-agent]').content;
  return { label: `${field.getAttribute('aria-label')}: ${option.textContent}`, icon: CHOICE_ICONS[field.dataset.set], key: mine ? 'i' : '', run: () => act(field.dataset.set, option.value, field.dataset.was) };
}

// icon="circle-check" icon="flag" icon="message-question" icon="user" icon="users"
const CHOICE_ICONS = { status: 'circle-check', priority: 'flag', reason: 'message-question', assignee: 'user', team: 'users' };

const pages = () => $$('.hd-nav-foot a.hd-nav-item, .hd-new-menu a, .hd-me-menu a').map((link) => ({ label: link.querySelector('span').textContent, icon: iconOf(link) ?? 'arrow-up-right', key: $('.hd-kbd', link)?.textContent, run: () => location.assign(link.href) }));

async function search(typed) {
  if (property) return choices(typed);
  const mine = ++turn;
  const wanted = folded(typed.trim());
  const matches = (item) => wanted.split(/\s+/).every((part) => folded(item.label).includes(part));
  const groups = [[$('[data-palette-ctx]').textContent, deeds().filter(matches).slice(0, 6)], ['', pages().filter(matches).slice(0, 6)]];
  paint(groups);
  const response = await fetch(`/inbox/palette?q=${encodeURIComponent(typed)}`, { headers: { Accept: 'application/json' } }).catch(() => null);
  if (!response?.ok || mine !== turn) return;
  const told = await response.json();
  const macros = await macrosFor(typed);
  if (mine !== turn) return;
  const go = (item) => ({ ...item, run: () => (item.number && $('#pane') ? open(item.number) : location.assign(item.url)) });
  paint([groups[0], [told.words.tickets, told.tickets.map(go)], [told.words.customers, told.customers.map((item) => go({ ...item, icon: 'user' }))], [told.words.macros, macros], [told.words.views, told.views.map(go)], [told.words.settings, told.settings.map((item) => go({ ...item, icon: 'settings' }))], groups[1]]);
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
    if (!area('reply')) return;
    writer(area('reply')).put(item.insert);
    document.dispatchEvent(new CustomEvent('hd:macro', { detail: item }));
  }, 30);
}

function paint(groups) {
  found = groups.flatMap(([, items]) => items);
  const box = $('#cmds');
  let n = 0;
  box.innerHTML = groups.filter(([, items]) => items.length).map(([name, items], g) => {
    const options = items.map((item) => `<div class="hd-cmd" role="option" id="cmd-${n}" data-n="${n++}" aria-selected="false">${item.status ? `<i class="hd-dot is-${item.status.replace('_', '-')}"></i>` : icon(item.icon ?? 'bolt', 18)}<span class="hd-clip">${escape(item.label)}</span><span class="hd-end">${item.key ? `<span class="hd-kbd" aria-hidden="true">${escape(item.key)}</span>` : escape(item.hint ?? '')}</span></div>`);
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
