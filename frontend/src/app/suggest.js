// While one types: `/` macros, `@` colleagues (in a note), `:` emoji.
import { writer } from './rich.js';
import { $, $$, escape, word } from './util.js';

export const EMOJI = { smile: '🙂', grin: '😀', blush: '😊', joy: '😂', wink: '😉', hug: '🤗', love: '😍', cool: '😎', think: '🤔', eyes: '👀', sad: '😞', cry: '😢', worried: '😟', surprised: '😮', sorry: '🙇', shrug: '🤷', thumbsup: '👍', thumbsdown: '👎', ok: '👌', pray: '🙏', clap: '👏', handshake: '🤝', strong: '💪', wave: '👋', heart: '❤️', sparkles: '✨', star: '⭐', fire: '🔥', tada: '🎉', gift: '🎁', cake: '🎂', rose: '🌹', flower: '🌸', sun: '☀️', check: '✅', cross: '❌', warning: '⚠️', question: '❓', info: 'ℹ️', idea: '💡', phone: '📞', mail: '✉️', clock: '⏰', calendar: '📅', package: '📦', truck: '🚚', cart: '🛒', shop: '🏪', receipt: '🧾', money: '💰', card: '💳', pin: '📍', link: '🔗', attach: '📎', camera: '📷', tea: '🍵' };
const TRIGGER = /(?:^|\s)([/@:])([^\s/@:]{0,30})$/u;

let box = null;
let turn = 0;

/** The box somebody writes in, also when the editor stands in its place. */
function field() {
  const at = document.activeElement;
  if (at?.matches?.('trix-editor')) return $('[data-write=reply]', at.closest('form'));
  return at?.matches?.('[data-write]') ? at : null;
}

export function closeSuggestions() {
  box?.remove();
  box = null;
}

async function items(kind, typed) {
  if (kind === ':') {
    return Object.entries(EMOJI).filter(([name]) => name.includes(typed.toLowerCase())).slice(0, 8).map(([name, face]) => ({ label: `${face} ${name}`, insert: `${face} ` }));
  }
  const number = $('#composer').dataset.number;
  const response = await fetch(`/tickets/${number}/suggest?for=${encodeURIComponent(kind)}&q=${encodeURIComponent(typed)}`).catch(() => null);
  return response?.ok ? (await response.json()).items : [];
}

async function suggest(area) {
  const match = writer(area).before().match(TRIGGER);
  if (!match || (match[1] === '@' && area.dataset.write !== 'note') || (match[1] === ':' && !match[2])) return closeSuggestions();
  const mine = ++turn;
  const found = await items(match[1], match[2]);
  if (mine !== turn) return;
  found.length ? paint(area, found) : closeSuggestions();
}

function paint(area, found) {
  closeSuggestions();
  box = document.createElement('div');
  box.className = 'hd-menu hd-suggest';
  box.setAttribute('role', 'listbox');
  box.id = 'suggestions';
  box.setAttribute('aria-label', word('suggestions'));
  box.innerHTML = found.map((item, i) => `<div class="hd-cmd" role="option" id="sug-${i}" aria-selected="${i === 0}"><span class="hd-clip">${escape(item.label)}</span><span class="hd-end hd-clip">${escape(item.hint ?? '')}</span></div>`).join('');
  $$('[role=option]', box).forEach((option, i) => option.addEventListener('mousedown', (event) => (event.preventDefault(), take(area, found[i]))));
  $('#composer').append(box);
  box.take = () => take(area, found[$$('[role=option]', box).findIndex((o) => o.getAttribute('aria-selected') === 'true')]);
  area.setAttribute('aria-controls', 'suggestions');
}

/** Put one in the place of what is typed by now: that may be more than what the list was asked for. */
function take(area, item) {
  turn += 1; // an answer still on its way is of no use any more
  const length = writer(area).before().match(TRIGGER)?.[0].trimStart().length ?? 0;
  if (item.macro) document.dispatchEvent(new CustomEvent('hd:macro', { detail: item }));
  writer(area).put(item.insert, length);
  closeSuggestions();
}

function move(by) {
  const options = $$('[role=option]', box);
  const at = options.findIndex((option) => option.getAttribute('aria-selected') === 'true');
  const next = (at + by + options.length) % options.length;
  options.forEach((option, i) => option.setAttribute('aria-selected', String(i === next)));
  options[next].scrollIntoView({ block: 'nearest' });
}

document.addEventListener('input', (event) => event.target.matches('[data-write]') && !event.isComposing && suggest(event.target));
document.addEventListener('keydown', (event) => {
  if (!box || !field() || event.isComposing) return;
  const deed = { ArrowDown: () => move(1), ArrowUp: () => move(-1), Enter: () => box.take(), Tab: () => box.take(), Escape: closeSuggestions }[event.key];
  if (!deed || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  event.stopPropagation();
  deed();
}, true);
document.addEventListener('focusout', (event) => event.target.matches?.('[data-write], trix-editor') && setTimeout(() => field() || closeSuggestions(), 150));
document.addEventListener('click', (event) => {
  const button = event.target.closest('[data-suggest]');
  if (!button) return;
  const area = $$('[data-write]').find((one) => !one.closest('[hidden]'));
  if (!area) return;
  const before = writer(area).before();
  writer(area).put(`${before && !/\s$/.test(before) ? ' ' : ''}${button.dataset.suggest}`);
  suggest(area);
});
