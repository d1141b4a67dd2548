// Replies that wait: approve, return, send now, write on, drop.
import { fetchNow } from './live.js';
import { seen } from './thread.js';
import { restoreDraft, save } from './composer.js';
import { $, post, tell } from './util.js';

document.addEventListener('submit', async (event) => {
  const form = event.target;
  if (!form.matches('[data-held]')) return;
  event.preventDefault();
  if (form.dataset.busy) return;
  form.dataset.busy = '1';
  const inTicket = Boolean($('#ticket'));
  const values = { ...Object.fromEntries(new FormData(form)), ...(inTicket ? { seen_seq: seen.seq } : {}) };
  if (form.dataset.held === 'edit') await save(); // what was begun since stays, below it
  const answer = await post(form.getAttribute('action'), values);
  delete form.dataset.busy;
  if (!answer.ok) return void tell(answer);
  form.closest('details')?.removeAttribute('open');
  if (form.dataset.held === 'edit') restoreDraft(answer.data);
  if (!inTicket) form.closest('[data-review]')?.remove();
  fetchNow();
});
