// Calls that ring or go on: a card with the customer. The doorbell says that something changed; the card comes by GET.
import { $, $$ } from './util.js';

const box = $('#calls');
const DISMISSED = 'hd-calls-away';
const HAS = 'hd-calls';
let fetching = false;
let again = false;

const away = () => new Set((sessionStorage.getItem(DISMISSED) ?? '').split(',').filter(Boolean));

async function paint() {
  if (fetching) return void (again = true);
  fetching = true;
  try {
    const response = await fetch('/calls/live', { headers: { 'HX-Request': 'true' }, credentials: 'same-origin' });
    if (!response.ok) return;
    const html = await response.text();
    if (html.trim() !== box.dataset.shown) show(html.trim());
  } catch { /* the next doorbell fetches again */ } finally {
    fetching = false;
    if (again) again = false, paint();
  }
}

function show(html) {
  box.dataset.shown = html;
  box.innerHTML = html;
  const gone = away();
  const written = $('[data-new-form=call] [name=live]')?.value; // its note is being written on this page
  for (const card of $$('[data-call]', box)) if (card.dataset.call === written || gone.has(`${card.dataset.call}:${card.dataset.state}`)) card.remove();
  for (const form of $$('form', box)) {
    const field = form.elements.csrf_token;
    if (field) field.value = $('meta[name=csrf-token]').content;
  }
  box.hidden = !$('[data-call]', box);
  sessionStorage.setItem(HAS, box.hidden ? '' : '1');
  clearInterval(box.ticking);
  if (!box.hidden) box.ticking = setInterval(tick, 1000), tick();
}

function tick() {
  for (const clock of $$('[data-call-began]', box)) {
    const seconds = Math.max(0, Math.floor((Date.now() - Date.parse(clock.dataset.callBegan)) / 1000));
    clock.textContent = `${String(Math.floor(seconds / 60)).padStart(2, '0')}:${String(seconds % 60).padStart(2, '0')}`;
  }
}

if (box) {
  document.addEventListener('hd:call', paint);
  // Whether anything rings is asked once the sockets are there, and wherever the page before showed a card.
  document.addEventListener('hd:connected', paint);
  if (sessionStorage.getItem(HAS)) paint();
  box.addEventListener('click', (event) => {
    const button = event.target.closest('[data-call-away]');
    if (!button) return;
    const card = button.closest('[data-call]');
    sessionStorage.setItem(DISMISSED, [...away(), `${card.dataset.call}:${card.dataset.state}`].slice(-50).join(','));
    card.remove();
    box.hidden = !$('[data-call]', box);
  });
}
