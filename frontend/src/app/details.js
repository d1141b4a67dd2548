// The ticket's own part of the customer panel: fields of the desk, links, followers. Each is saved as it is changed.
import { fetchNow } from './live.js';
import { loadSide } from './thread.js';
import { $, post, tell } from './util.js';

const number = () => $('#ticket')?.dataset.ticket;
const value = (field) => (field.type === 'checkbox' ? (field.checked ? '1' : '') : field.value);

/** Post, tell what went wrong, and show the panel as it is now. */
async function change(what, values) {
  const answer = await post(`/tickets/${number()}/${what}`, values);
  if (!answer.ok) tell(answer);
  else fetchNow();
  loadSide();
  return answer.ok;
}

document.addEventListener('change', async (event) => {
  const field = event.target.closest?.('[data-field]');
  if (field) {
    const answer = await post(`/tickets/${number()}/fields`, { [field.name]: value(field) });
    field.setAttribute('aria-invalid', String(!answer.ok));
    field.classList.toggle('is-invalid', !answer.ok);
    if (!answer.ok) return void tell(answer);
    fetchNow();
  }
  if (event.target.matches?.('[data-add-follower]') && event.target.value) change('follow', { agent: event.target.value, follow: '1' });
});

document.addEventListener('click', (event) => {
  const follower = event.target.closest('[data-unfollow]');
  if (follower) change('follow', { agent: follower.dataset.unfollow, follow: '0' });
  const link = event.target.closest('[data-unlink]');
  if (link) change('links/delete', { number: link.dataset.unlink, kind: link.dataset.kind });
});

document.addEventListener('click', (event) => event.target.closest('[data-print]') && print());

document.addEventListener('submit', (event) => {
  if (!event.target.matches('[data-link-form]')) return;
  event.preventDefault();
  change('links', Object.fromEntries(new FormData(event.target)));
});
