// The search box completes operators and their values; Enter searches unless a completion was chosen.
import { $$, escape, word } from './util.js';

let box = null;
let turn = 0;
let chosen = -1;

const field = () => (document.activeElement?.matches?.('[data-complete]') ? document.activeElement : null);

function close() {
  box?.remove();
  box = null;
  chosen = -1;
  for (const input of $$('[data-complete]')) input.removeAttribute('aria-activedescendant'), input.setAttribute('aria-expanded', 'false');
}

async function complete(input) {
  const mine = ++turn;
  const typed = input.value.slice(0, input.selectionStart);
  if (!/[a-z]+:?[^\s]*$/i.test(typed)) return close();
  const response = await fetch(`/search/complete?q=${encodeURIComponent(typed)}`, { headers: { Accept: 'application/json' } }).catch(() => null);
  if (mine !== turn || !response?.ok) return;
  const { items } = await response.json();
  if (mine === turn) items.length && field() === input ? paint(input, typed, items) : close();
}

function paint(input, typed, items) {
  close();
  box = document.createElement('div');
  box.className = 'hd-menu hd-completions';
  box.id = 'completions';
  box.setAttribute('role', 'listbox');
  box.setAttribute('aria-label', word('suggestions'));
  box.innerHTML = items.map((item, i) => `<div class="hd-cmd" role="option" id="cpl-${i}" aria-selected="false"><b>${escape(item.text)}</b><span class="hd-end hd-clip">${escape(item.hint)}</span></div>`).join('');
  box.take = (i) => take(input, typed, items[i].text);
  $$('[role=option]', box).forEach((option, i) => option.addEventListener('mousedown', (event) => (event.preventDefault(), box.take(i))));
  input.parentElement.append(box);
  input.setAttribute('aria-controls', 'completions');
  input.setAttribute('aria-expanded', 'true');
}

/** The completion takes the place of the word before the cursor (which may hold a quoted value). */
function take(input, typed, text) {
  const quoted = (typed.match(/"/g) ?? []).length % 2 === 1;
  const start = typed.lastIndexOf(' ', quoted ? typed.lastIndexOf('"') : typed.length) + 1;
  input.setRangeText(text, start, typed.length, 'end');
  close();
  input.focus();
  complete(input);
}

function move(input, by) {
  const options = $$('[role=option]', box);
  chosen = (chosen + by + options.length + (chosen < 0 && by < 0 ? 1 : 0)) % options.length;
  options.forEach((option, i) => option.setAttribute('aria-selected', String(i === chosen)));
  options[chosen].scrollIntoView({ block: 'nearest' });
  input.setAttribute('aria-activedescendant', options[chosen].id);
}

document.addEventListener('input', (event) => event.target.matches?.('[data-complete]') && !event.isComposing && complete(event.target));
document.addEventListener('keydown', (event) => {
  const input = field();
  if (!box || !input || event.isComposing || event.ctrlKey || event.metaKey) return;
  if (event.key === 'ArrowDown' || event.key === 'ArrowUp') move(input, event.key === 'ArrowDown' ? 1 : -1);
  else if ((event.key === 'Enter' || event.key === 'Tab') && chosen >= 0) box.take(chosen);
  else if (event.key === 'Escape') close();
  else return;
  event.preventDefault();
  event.stopPropagation();
}, true);
document.addEventListener('focusout', (event) => event.target.matches?.('[data-complete]') && setTimeout(() => field() || close(), 150));
