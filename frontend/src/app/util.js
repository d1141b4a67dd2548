// Small tools every module uses: words, requests, toasts.
const said = document.getElementById('hd-words');
const WORDS = said ? JSON.parse(said.textContent) : {};

/** A sentence in the viewer's language, with its {names} filled in. */
export function word(key, values = {}) {
  return (WORDS[key] ?? key).replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

export const $ = (selector, root = document) => root.querySelector(selector);
export const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];

export function parse(html) {
  const template = document.createElement('template');
  template.innerHTML = html;
  return template.content;
}

export function icon(name, size = 14) {
  const sprite = $('svg use')?.getAttribute('href').split('#')[0];
  return `<svg class="ic ic-${size}" aria-hidden="true"><use href="${sprite}#${name}"/></svg>`;
}

export function escape(text) {
  const span = document.createElement('span');
  span.textContent = text;
  return span.innerHTML;
}

/** Unguessable, also where the page is served without https. */
export function uuid() {
  if (crypto.randomUUID) return crypto.randomUUID();
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** As the desk folds words: without marks, in small letters. */
export const folded = (text) => text.normalize('NFD').replace(/\p{M}/gu, '').replace(/[đĐ]/g, 'd').toLowerCase();

export const csrf = () => $('meta[name=csrf-token]')?.content ?? '';

/** After signing in again this page needs a new token; answers whether it has one, null when nobody is signed in. */
export async function freshToken() {
  const response = await fetch('/inbox/token', { headers: { Accept: 'application/json' }, credentials: 'same-origin' }).catch(() => null);
  if (!response?.ok) return null;
  const { agent, csrf: token } = await response.json();
  if (!mine(agent)) return null;
  const fresh = token !== csrf();
  $('meta[name=csrf-token]').content = token;
  return fresh;
}

/** Is the page of whom this browser is signed in as? Else it is made anew, before anything is said in a wrong name. */
export function mine(agent) {
  if (String(agent) === $('meta[name=hd-agent]')?.content) return true;
  document.dispatchEvent(new CustomEvent('hd:somebody-else'));
  location.reload();
  return false;
}

/** POST a form. Answers {ok, status, data}; status 0: no connection. */
export async function post(url, values = {}, { keepalive = false, again = false } = {}) {
  const body = new URLSearchParams();
  for (const [key, value] of Object.entries(values)) for (const one of [value].flat()) if (one !== undefined && one !== null) body.append(key, one);
  const headers = { 'X-CSRFToken': csrf(), 'X-Requested-With': 'fetch', Accept: 'application/json' };
  try {
    const response = await fetch(url, { method: 'POST', body, headers, credentials: 'same-origin', keepalive });
    if (response.status === 400 && !again && (await freshToken())) return post(url, values, { keepalive, again: true });
    const text = await response.text();
    return { ok: response.ok, status: response.status, data: text.startsWith('{') ? JSON.parse(text) : {} };
  } catch {
    return { ok: false, status: 0, data: {} };
  }
}

/** A fragment of a page, or null when it could not be fetched (a toast says why). */
export async function fragment(url, { quiet = false } = {}) {
  try {
    const response = await fetch(url, { headers: { 'HX-Request': 'true', Accept: 'text/html' }, credentials: 'same-origin' });
    if (response.status === 401) {
      document.dispatchEvent(new CustomEvent('hd:signed-out'));
      return null;
    }
    const html = await response.text();
    if (response.ok) return html;
    if (!quiet) $('#toasts').append(parse(html)), settleToasts();
    return null;
  } catch {
    if (!quiet) toast(word('no_connection'), { bad: true });
    return null;
  }
}

/** What went wrong with a POST, told once. */
export function tell({ status, data }) {
  if (status === 401) return void document.dispatchEvent(new CustomEvent('hd:signed-out'));
  const fields = Object.values(data.errors ?? {});
  toast(fields[0] ?? data.detail ?? (status === 0 ? word('no_connection') : word('failed')), { bad: true });
}

/** `action`: {label, run}. It leaves after `seconds`, later while the pointer rests on it. */
export function toast(text, { bad = false, action, seconds = 6 } = {}) {
  const box = document.createElement('div');
  box.className = `hd-toast${bad ? ' is-bad' : ''}`;
  if (bad) box.setAttribute('role', 'alert');
  const span = document.createElement('span');
  span.textContent = text;
  box.append(span);
  if (action) {
    const button = document.createElement('button');
    button.type = 'button';
    button.textContent = action.label;
    button.addEventListener('click', () => (box.remove(), action.run()));
    box.append(button);
  }
  $('#toasts').append(box);
  leave(box, seconds * 1000);
  return box;
}

function leave(box, ms) {
  setTimeout(() => (box.matches(':hover, :focus-within') ? leave(box, 2000) : box.remove()), ms);
}

export function settleToasts() {
  for (const box of $$('[data-toast]')) box.removeAttribute('data-toast'), leave(box, 8000);
}
settleToasts();

/** Read out by screen readers without moving the focus. */
export function announce(text) {
  const region = $('#announce');
  if (!region) return;
  region.textContent = '';
  setTimeout(() => (region.textContent = text), 50);
}

/** Somebody types there. A property of the ticket's head is a button that opens a list: nobody types in it. */
export function typing(target) {
  return target instanceof Element && target.closest('input:not([type=checkbox], [type=radio], [type=button]), textarea, select:not([data-set]), [contenteditable], trix-editor') !== null;
}
