// The ticket's own part of the customer panel: fields of the desk, links, followers. Each is saved as it is changed.
import { fetchNow } from './live.js';
import { loadSide } from './thread.js';
import { underway, undoable } from './undo.js';
import { $, post, tell } from './util.js';

const number = () => $('#ticket')?.dataset.ticket;
const value = (field) => (field.type === 'checkbox' ? (field.checked ? '1' : '') : field.value);

/** What the field held when the panel came. */
function atFirst(field) {
  if (field.type === 'checkbox') return field.defaultChecked ? '1' : '';
  return field.options ? ([...field.options].find((option) => option.defaultSelected)?.value ?? '') : field.defaultValue;
}

/** Post, tell what went wrong, and show the panel as it is now. `back`: [what, values] that undo it. */
async function change(what, values, back, at = number()) {
  const answer = await post(`/tickets/${at}/${what}`, values);
  if (!answer.ok) tell(answer);
  else fetchNow();
  if (answer.ok && back) undoable(() => change(...back, null, at));
  if (number() === at) loadSide();
  return answer.ok;
}

const deed = (...what) => underway(change(...what));

async function fill(field) {
  const [at, was] = [number(), field.dataset.was ?? atFirst(field)];
  const answer = await post(`/tickets/${at}/fields`, { [field.name]: value(field) });
  field.setAttribute('aria-invalid', String(!answer.ok));
  field.classList.toggle('is-invalid', !answer.ok);
  if (!answer.ok) return void tell(answer);
  field.dataset.was = value(field);
  undoable(() => change('fields', { [field.name]: was }, null, at));
  fetchNow();
}

document.addEventListener('change', (event) => {
  const field = event.target.closest?.('[data-field]');
  if (field) underway(fill(field));
  const agent = event.target.matches?.('[data-add-follower]') && event.target.value;
  if (agent) deed('follow', { agent, follow: '1' }, ['follow', { agent, follow: '0' }]);
});

document.addEventListener('click', (event) => {
  const agent = event.target.closest('[data-unfollow]')?.dataset.unfollow;
  if (agent) deed('follow', { agent, follow: '0' }, ['follow', { agent, follow: '1' }]);
  const link = event.target.closest('[data-unlink]');
  if (!link) return;
  const values = { number: link.dataset.unlink, kind: link.dataset.kind };
  deed('links/delete', values, ['links', values]);
});

document.addEventListener('click', (event) => event.target.closest('[data-print]') && print());

document.addEventListener('submit', (event) => {
  if (!event.target.matches('[data-link-form]')) return;
  event.preventDefault();
  const values = Object.fromEntries(new FormData(event.target));
  deed('links', values, ['links/delete', values]);
});
