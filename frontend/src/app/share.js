// A place, a contact or a sticker that goes along with a reply, where the chosen channel can carry it.
import { shelve } from './uploads.js';
import { $, fragment, post, tell } from './util.js';

const menu = () => $('#composer [data-share-menu]');
const chip = () => $('#composer [data-shared]');

/** What goes along, as the server gave it; empty for nothing. */
export const shared = () => chip()?.dataset.shared ?? '';

/** One at a time: another one takes its place. */
export function addShared(what) {
  chip()?.remove();
  shelve(called(what), 'reply').dataset.shared = JSON.stringify(what);
  document.dispatchEvent(new CustomEvent('hd:uploads', { detail: { kind: 'reply' } }));
}

function called({ kind, title, latitude, longitude, name, phone, emoji }) {
  if (kind === 'place') return `📍 ${title || `${latitude.toFixed(4)}, ${longitude.toFixed(4)}`}`;
  return kind === 'contact' ? `👤 ${name} ${phone}` : emoji || '🙂';
}

/** Shown only for a reply, and only where the way chosen can carry something. */
export function paintShare(option, replying) {
  if (menu()) menu().hidden = !replying || !option?.dataset.shares;
}

document.addEventListener('toggle', async (event) => {
  if (event.target !== menu() || !menu().open) return;
  const box = $('.hd-menu', menu());
  box.replaceChildren(); // what was offered last time is not clicked while the new menu comes
  const html = await fragment(`/tickets/${$('#composer').dataset.number}/share?channel=${$('[data-via]').value.split(':')[0]}`);
  if (html === null) return;
  box.innerHTML = html;
  $('input, button', box)?.focus();
}, true);

async function add(button) {
  const group = button.closest('[data-share]');
  const values = { kind: group.dataset.share, sticker: button.dataset.sticker, emoji: button.dataset.emoji };
  for (const field of group.querySelectorAll('[data-field]')) values[field.dataset.field] = field.value;
  const answer = await post(`/tickets/${$('#composer').dataset.number}/share`, values);
  if (answer.ok) {
    addShared(answer.data.shared);
    menu().open = false;
    return void $('[data-write=reply]', $('#composer')).focus();
  }
  const [name, told] = Object.entries(answer.data.errors ?? {})[0] ?? [];
  const line = $('[data-share-error]', group);
  if (!told || !line) return void tell(answer);
  line.textContent = told;
  line.hidden = false;
  $(`[data-field="${name}"]`, group)?.focus();
}

document.addEventListener('click', (event) => {
  const button = event.target.closest('[data-share-add]');
  if (button) add(button);
});

// Enter adds what is being entered; the composer is not sent by it.
document.addEventListener('keydown', (event) => {
  if (event.key !== 'Enter' || event.isComposing || !event.target.matches('[data-share] input')) return;
  event.preventDefault();
  $('[data-share-add]', event.target.closest('[data-share]')).click();
});
