// Forms that start something: a message or a call from nowhere, a call in a ticket. Kept on this device until sent.
import { $, $$, csrf, parse, toast, tell, uuid, word } from './util.js';

const KEEP_MS = 7 * 86400_000;

/** The same form sent twice is one call, one message. */
function once(root) {
  for (const field of $$('[data-once]', root)) field.value ||= uuid();
}

// --- the timer of a call ---

function timer(box) {
  const shown = $('[data-timer-t]', box);
  const input = $('[data-timer-in]', box);
  const button = $('[data-timer-go]', box);
  const live = $('[data-timer-live]', box);
  if (!button || box.dataset.ready) return;
  box.dataset.ready = '1';
  button.hidden = false;
  let began = 0;
  let tick = 0;
  const text = () => {
    const seconds = Math.floor((Date.now() - began) / 1000);
    return `${String(Math.floor(seconds / 60)).padStart(2, '0')}:${String(seconds % 60).padStart(2, '0')}`;
  };
  const start = (at) => {
    began = at;
    shown.textContent = text();
    tick = setInterval(() => { shown.textContent = text(); }, 500);
  };
  button.addEventListener('click', () => {
    const running = tick !== 0;
    if (running) {
      clearInterval(tick);
      tick = 0;
      input.value = text();
      shown.textContent = input.value;
    } else {
      start(Date.now());
    }
    paint(!running);
  });
  const paint = (on) => {
    live.hidden = !on;
    button.textContent = on ? button.dataset.stop : button.dataset.go;
    button.classList.toggle('hd-danger', on);
  };
  // A call that goes on already has its beginning from the phone system.
  if (box.dataset.began && !input.value) start(Math.min(Date.parse(box.dataset.began), Date.now())), paint(true);
  box.closest('form')?.addEventListener('submit', () => {
    if (tick) input.value = text();
  }, { capture: true });
}

// --- what was typed stays on this device ---

const keyOf = (form) => `hd-new-${form.dataset.newForm}`;

function keep(form) {
  const values = {};
  for (const [name, value] of new FormData(form)) if (typeof value === 'string' && !['csrf_token', 'attachment', 'client_msg_id'].includes(name)) values[name] = value;
  if (!Object.entries(values).some(([name, value]) => ['who', 'text', 'number', 'notes', 'subject'].includes(name) && value)) return;
  try {
    localStorage.setItem(keyOf(form), JSON.stringify({ at: Date.now(), values }));
    const said = $('[data-kept]');
    if (said) said.textContent = word('draft_kept');
  } catch { /* a full or closed storage only means that nothing is kept */ }
}

function recall(form) {
  if (location.search || $('.is-invalid, .hd-error, .hd-alert.is-bad', form)) return;
  let kept;
  try {
    kept = JSON.parse(localStorage.getItem(keyOf(form)) ?? 'null');
  } catch {
    return;
  }
  if (!kept || Date.now() - kept.at > KEEP_MS) return;
  for (const [name, value] of Object.entries(kept.values)) {
    for (const field of $$(`[name="${name}"]`, form)) {
      if (field.type === 'radio' || field.type === 'checkbox') field.checked = field.value === value;
      else if (field.type !== 'hidden' && !field.value) field.value = value;
    }
  }
  for (const name of ['who', 'number']) form.elements[name]?.value && form.elements[name].dispatchEvent(new Event('input', { bubbles: true }));
}

const forget = (form) => {
  try {
    localStorage.removeItem(keyOf(form));
  } catch { /* nothing was kept then */ }
};

// --- starting ---

function begin(root = document) {
  once(root);
  for (const box of $$('[data-timer]', root)) timer(box);
}

for (const form of $$('[data-new-form]')) {
  // After htmx has looked at the fields: only then does it see that they changed.
  const later = () => setTimeout(() => recall(form), 50);
  document.readyState === 'complete' ? later() : window.addEventListener('load', later);
  let waiting = 0;
  const now = () => {
    if (waiting) keep(form);
    waiting = 0;
  };
  const drop = () => {
    clearTimeout(waiting);
    waiting = 0;
    forget(form);
  };
  form.addEventListener('input', () => {
    clearTimeout(waiting);
    waiting = setTimeout(now, 600);
  });
  addEventListener('pagehide', now); // the last words before a reload, too
  form.addEventListener('submit', () => {
    drop();
    for (const button of $$('button[type=submit]', form)) setTimeout(() => { button.disabled = true; });
  });
  form.addEventListener('keydown', (event) => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) event.preventDefault(), form.requestSubmit();
  });
  $('[data-discard]', form)?.addEventListener('click', drop);
}
begin();
new MutationObserver((changes) => {
  for (const change of changes) for (const node of change.addedNodes) if (node.nodeType === 1 && (node.matches?.('[data-call-form]') || node.querySelector?.('[data-call-form]'))) begin(node);
}).observe(document.body, { childList: true, subtree: true });

// A call in a ticket: saved without leaving it; what is wrong with it is shown in the form.
document.addEventListener('submit', async (event) => {
  const form = event.target.closest?.('[data-call-form]');
  if (!form) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  const body = new FormData(form, event.submitter);
  const buttons = $$('button[type=submit]', form);
  for (const button of buttons) button.disabled = true;
  try {
    const headers = { Accept: 'application/json', 'X-CSRFToken': csrf(), 'HX-Request': 'true' };
    const response = await fetch(form.action, { method: 'POST', body, headers, credentials: 'same-origin' });
    const text = await response.text();
    if (response.ok) return void document.dispatchEvent(new CustomEvent('hd:call-logged'));
    if (response.status === 422) {
      const parent = form.parentElement;
      form.replaceWith(parse(text));
      $('[aria-invalid]', parent)?.focus();
      return;
    }
    tell({ status: response.status, data: text.startsWith('{') ? JSON.parse(text) : {} });
  } catch {
    toast(word('no_connection'), { bad: true });
  } finally {
    for (const button of buttons) button.disabled = false;
  }
}, { capture: true });
