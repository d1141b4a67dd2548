// Dialogs that the server makes when they are asked for: merging, what is needed before solving.
import { fetchNow } from './live.js';
import { open } from './thread.js';
import { undoable } from './undo.js';
import { $, fragment, parse, post, tell, toast, word } from './util.js';

/** Show the dialog at `url`. Answers what the server said once its form was saved, null when it was closed. */
export async function ask(url) {
  const html = await fragment(url);
  if (html === null) return null;
  const dialog = parse(html).querySelector('dialog');
  document.body.append(dialog);
  dialog.showModal();
  $('input:not([type=hidden], [type=radio]), select, textarea', dialog)?.focus();
  return new Promise((answer) => {
    let saved = null;
    dialog.addEventListener('close', () => (dialog.remove(), answer(saved)));
    dialog.addEventListener('submit', async (event) => {
      event.preventDefault();
      const told = await save(event.target, dialog);
      if (told) saved = told, dialog.close();
    });
  });
}

async function save(form, dialog) {
  const button = $('button[type=submit]', form);
  button.disabled = true;
  const answer = await post(form.getAttribute('action'), Object.fromEntries(new FormData(form)));
  button.disabled = false;
  if (answer.ok) return answer.data;
  const box = $('[data-dialog-error]', dialog);
  const said = Object.values(answer.data.errors ?? {});
  box.textContent = said.join(' ') || answer.data.detail || word(answer.status === 0 ? 'no_connection' : 'failed');
  box.hidden = false;
  return null;
}

// A choice fills the field beside it; a number tells which ticket it is.
document.addEventListener('change', (event) => {
  const box = event.target.dataset?.fill && document.getElementById(event.target.dataset.fill);
  if (!box) return;
  box.value = `#${event.target.value}`;
  look(box);
});

let turn = 0;
async function look(box) {
  const mine = ++turn;
  const said = $('[data-found]', box.parentElement);
  const typed = box.value.replace(/\D/g, '');
  const response = typed ? await fetch(`/tickets/find?q=${typed}`, { headers: { Accept: 'application/json' } }).catch(() => null) : null;
  if (mine !== turn) return;
  const found = response?.ok ? (await response.json()).items[0] : null;
  said.textContent = !typed ? '' : found ? `#${found.number} ${found.subject}` : word('nothing_found');
}
document.addEventListener('input', (event) => event.target.matches?.('[data-ticket-number]') && look(event.target));

// --- merging -------------------------------------------------------------------------------------------------

export async function mergeTicket(url) {
  const told = await ask(url);
  if (!told) return;
  const merged = told.merged;
  open(told.ticket, { push: true });
  fetchNow();
  toast(word('merged', { from: merged, to: told.ticket }), { seconds: 10, action: { label: word('undo'), run: undoable(() => unmerge(merged)) } });
}

async function unmerge(number) {
  const answer = await post(`/tickets/${number}/unmerge`);
  if (!answer.ok) return void tell(answer);
  open(number);
  fetchNow();
}

document.addEventListener('click', (event) => {
  const opener = event.target.closest('[data-remote-dialog]');
  if (opener) mergeTicket(opener.dataset.remoteDialog);
});
document.addEventListener('hd:merge', () => {
  const number = $('#ticket')?.dataset.ticket;
  if (number) mergeTicket(`/tickets/${number}/merge`);
});
