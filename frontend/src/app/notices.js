// The notice centre: the bell's number is the same on every device; what is new is also told aloud, as each agent chose.
import './live.js';
import { open } from './thread.js';
import { $, $$, announce, fragment, parse, post, tell, toast, word } from './util.js';

const me = $('meta[name=hd-agent]')?.content;
const HEARD = `hd-notice-${me}`; // the newest one a page of this browser has told aloud
let newest = 0;
let asking = false;
let again = false;

/** What came since the last look. The first look of a page only learns the number. */
async function look() {
  if (!me) return;
  if (asking) return void (again = true);
  asking = true;
  again = false;
  const response = await fetch(`/notices/new?after=${newest}`, { headers: { Accept: 'application/json' }, credentials: 'same-origin' }).catch(() => null);
  if (response?.ok) {
    const told = await response.json();
    const first = newest === 0;
    newest = Math.max(newest, told.newest);
    paint(told.unread);
    if (!first) for (const item of told.items.reverse()) if (item.unread) say(item);
  }
  asking = false;
  if (again) look();
}

function paint(unread) {
  for (const pill of $$('[data-unread]')) {
    pill.textContent = unread > 99 ? '99+' : unread || '';
    pill.hidden = !unread;
  }
  const said = $('[data-bell] summary .visually-hidden');
  if (said) said.textContent = unread ? word('notices_unread', { n: unread }) : word('notices');
  if (navigator.setAppBadge) (unread ? navigator.setAppBadge(unread) : navigator.clearAppBadge()).catch(() => {});
}

// --- aloud ---------------------------------------------------------------------------------------------------

/** Only one page of the browser speaks: the first to take the lock; the others see that it was told. */
function once(id, act) {
  const told = () => Number(localStorage.getItem(HEARD) ?? 0) >= id;
  const tellIt = () => {
    if (told()) return;
    localStorage.setItem(HEARD, String(id));
    act();
  };
  if (navigator.locks) navigator.locks.request(HEARD, tellIt);
  else tellIt();
}

function say(item) {
  const here = Number($('#ticket')?.dataset.ticket) === item.number && document.hasFocus();
  announce(`${item.title}. ${item.body}`);
  if (here || !item.ways.length) return;
  once(item.id, () => {
    if (item.ways.includes('sound')) chime();
    if (item.ways.includes('desktop')) desktop(item);
  });
}

function desktop(item) {
  if (document.hasFocus()) return void toast(`${item.title} · ${item.body}`, { action: { label: word('open'), run: () => go(item) }, seconds: 8 });
  if (!('Notification' in window) || Notification.permission !== 'granted') return;
  try {
    const shown = new Notification(item.title, { body: item.body, tag: `notice-${item.id}`, icon: '/app-icon-192.png' });
    shown.onclick = () => {
      window.focus();
      shown.close();
      go(item);
    };
  } catch {
    // Android allows it only from the service worker, which shows what was pushed
  }
}

function go(item) {
  if (item.number && $('#pane')) open(item.number, { hash: new URL(item.url, location.href).hash });
  else location.assign(item.url);
}

let audio = null;
function chime() {
  try {
    audio ??= new AudioContext();
    const [at, gain] = [audio.currentTime, audio.createGain()];
    gain.connect(audio.destination);
    gain.gain.setValueAtTime(0.0001, at);
    gain.gain.exponentialRampToValueAtTime(0.12, at + 0.02);
    gain.gain.exponentialRampToValueAtTime(0.0001, at + 0.5);
    for (const [hz, after] of [[659, 0], [880, 0.12]]) {
      const tone = audio.createOscillator();
      tone.frequency.value = hz;
      tone.connect(gain);
      tone.start(at + after);
      tone.stop(at + 0.5);
    }
  } catch {
    // no sound on this machine
  }
}

// --- the list ------------------------------------------------------------------------------------------------

async function relist() {
  const menu = $('[data-bell] .hd-menu');
  const html = await fragment('/notices/list', { quiet: true });
  if (html !== null && menu) menu.innerHTML = html;
}

document.addEventListener('click', async (event) => {
  const notice = event.target.closest('[data-notice]');
  if (notice && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
    post('/notices/read', { id: notice.dataset.notice }).then(look);
    notice.classList.remove('is-unread');
    if (notice.dataset.number && $('#pane')) {
      event.preventDefault();
      $('[data-bell]').open = false;
      open(notice.dataset.number, { hash: new URL(notice.href).hash });
    }
  }
  const more = event.target.closest('[data-notices-more]');
  if (more) {
    event.preventDefault();
    const html = await fragment(more.dataset.noticesMore);
    if (html === null) return;
    const part = parse(html);
    const list = more.closest('p').previousElementSibling;
    list.append(...$$('li', part));
    const next = $('[data-notices-more]', part);
    if (next) more.dataset.noticesMore = next.dataset.noticesMore;
    else more.remove();
  }
});

document.addEventListener('submit', async (event) => {
  if (!event.target.matches('[data-notices-read]')) return;
  event.preventDefault();
  const answer = await post('/notices/read', Object.fromEntries(new FormData(event.target)));
  if (!answer.ok) return void tell(answer);
  await relist();
  look();
});

document.addEventListener('hd:notices', look);
document.addEventListener('hd:changes', (event) => event.detail.notices > newest && newest > 0 && look());
document.addEventListener('hd:connected', look);
document.addEventListener('visibilitychange', () => document.hidden || look());
if (me) look();
