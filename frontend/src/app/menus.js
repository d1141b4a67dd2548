// Menus (details), dialogs, drawers, and buttons that post.
import { fetchNow } from './live.js';
import { underway, undoable } from './undo.js';
import { $, $$, csrf, parse, post, tell, toast, word } from './util.js';

// --- menus: one open at a time, closed by Esc, a choice, or a click elsewhere --------------------------------

function closeMenus(except) {
  for (const menu of $$('details[data-menu][open]')) if (!menu.contains(except)) menu.open = false;
}

document.addEventListener('click', (event) => {
  closeMenus(event.target);
  const choice = event.target.closest('details[data-menu] .hd-menu :is(button, a)');
  if (choice && !choice.closest('form[data-filter-form], [data-share]')) choice.closest('details').open = false;
});

document.addEventListener('toggle', (event) => {
  const menu = event.target;
  if (!(menu instanceof HTMLDetailsElement) || !menu.matches('[data-menu]') || !menu.open) return;
  closeMenus(menu);
  const lazy = $('[data-lazy]', menu);
  if (lazy) fill(lazy);
  $('.hd-menu', menu)?.scrollIntoView({ block: 'nearest' }); // below the last message there is no room
}, true);

async function fill(box) {
  const { fragment } = await import('./util.js');
  const html = await fragment(box.dataset.lazy);
  if (html !== null) box.innerHTML = html;
  box.querySelector('select, input:not([type=hidden])')?.focus();
}

document.addEventListener('keydown', (event) => {
  const menu = event.target.closest?.('details[data-menu][open]');
  if (!menu) return;
  if (event.key === 'Escape') {
    menu.open = false;
    menu.querySelector('summary').focus();
    event.stopPropagation();
  } else if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
    const items = $$('.hd-menu :is(a, button):not([hidden])', menu);
    if (!items.length || event.target.matches('input, select')) return;
    const at = items.indexOf(document.activeElement);
    items.at((at + (event.key === 'ArrowDown' ? 1 : at < 0 ? 0 : -1)) % items.length).focus();
    event.preventDefault();
  }
}, true);

// --- dialogs and drawers -------------------------------------------------------------------------------------

export function openDialog(id) {
  const dialog = document.getElementById(id);
  if (dialog && !dialog.open) dialog.showModal();
  return dialog;
}

document.addEventListener('click', (event) => {
  const opener = event.target.closest('[data-open-dialog]');
  if (opener) openDialog(opener.dataset.openDialog);
  if (event.target.closest('[data-close-dialog]')) event.target.closest('dialog').close();
  if (event.target instanceof HTMLDialogElement && event.target.open) event.target.close(); // the backdrop
  const drawer = event.target.closest('[data-drawer]');
  if (drawer) return void toggleDrawer(drawer.dataset.drawer);
  const open = document.body.dataset.drawer;
  if (!open) return;
  const box = document.getElementById(open);
  if (event.target.closest('[data-drawer-close]') || !box?.contains(event.target) || event.target.closest('a[href]')) toggleDrawer('');
});

let opener = null; // of the drawer that is open

export function toggleDrawer(id) {
  const now = document.body.dataset.drawer === id ? '' : id;
  if (now) opener = document.activeElement;
  else if (document.getElementById(document.body.dataset.drawer ?? '')?.contains(document.activeElement)) opener?.focus(); // back to where one was
  if (now) document.body.dataset.drawer = now;
  else delete document.body.dataset.drawer;
  for (const button of $$('[data-drawer]')) button.setAttribute('aria-expanded', String(button.dataset.drawer === now));
  if (now) document.getElementById(now)?.querySelector('a, button, input')?.focus();
}

document.addEventListener('keydown', (event) => event.key === 'Escape' && document.body.dataset.drawer && toggleDrawer(''));

// --- deeds on the open ticket --------------------------------------------------------------------------------

export const ticketNumber = () => $('#ticket')?.dataset.ticket;

/** Post a change of the open ticket; `back` is what undoes it. */
export const act = (name, value, back) => underway(change(name, value, back));

async function change(name, value, back) {
  const number = ticketNumber();
  if (!number) return false;
  const values = { [name]: value };
  const answer = await post(`/tickets/${number}/${name}`, values);
  if (answer.status === 422 && name === 'status' && ['solved', 'closed'].includes(value) && answer.data.errors) {
    const { ask } = await import('./dialogs.js'); // what has to be said first is asked for, then it is done
    return (await ask(`/tickets/${number}/solve-form`)) ? change(name, value, back) : false;
  }
  if (!answer.ok) {
    tell(answer);
    return false;
  }
  if (back !== undefined) {
    const undo = takenBack(`/tickets/${number}/${name}`, { [name]: back });
    const told = TOLD[name]?.(value);
    if (told) toast(`#${number} ${told}`, { action: { label: word('undo'), run: undo } });
  }
  fetchNow();
  return true;
}

// Deeds that take a ticket out of sight say so, with a button that brings it back.
const TOLD = {
  status: (value) => $(`#ticket-head option[value="${value}"]`)?.textContent,
  move: (value) => word(`moved_${value}`),
  snooze: (value) => value && word('snoozed'),
  block: () => word('sender_blocked'),
};

/** A change of a ticket that `z` undoes by posting what was before. */
function takenBack(url, values) {
  return undoable(async () => {
    const answer = await post(url, values);
    if (!answer.ok) tell(answer);
    fetchNow();
  });
}

/** The Call tab: saved, or shown again with what is wrong. */
async function logCall(form, submitter) {
  const body = new URLSearchParams(new FormData(form, submitter));
  const headers = { 'X-CSRFToken': csrf(), 'X-Requested-With': 'fetch', Accept: 'application/json' };
  const response = await fetch(form.action, { method: 'POST', body, headers }).catch(() => null);
  if (!response) return void toast(word('no_connection'), { bad: true });
  if (response.status === 422) return void form.replaceWith(parse(await response.text()));
  if (!response.ok) return void tell({ status: response.status, data: {} });
  document.dispatchEvent(new CustomEvent('hd:call-logged'));
}

document.addEventListener('change', (event) => {
  const field = event.target.closest('[data-set]');
  if (!field) return;
  const was = field.dataset.was;
  act(field.dataset.set, field.value, was).then((ok) => {
    if (ok) field.dataset.was = field.value;
    else field.value = was;
  });
});

document.addEventListener('click', async (event) => {
  const button = event.target.closest('[data-act]');
  if (button) {
    const name = button.dataset.act;
    const shelf = $('#ticket')?.dataset.shelf;
    const was = { status: $('#ticket')?.dataset.status, move: ['spam', 'trash'].includes(shelf) ? shelf : 'inbox', snooze: $('[data-snooze]')?.dataset.snooze ?? '', follow: button.dataset.value === '1' ? '0' : '1', block: '0' };
    return void act(name, button.dataset.value, was[name]);
  }
  const poster = event.target.closest('[data-post]');
  if (poster) {
    poster.disabled = true;
    const answer = await post(poster.dataset.post);
    poster.disabled = false;
    if (!answer.ok) return void tell(answer);
    if (poster.dataset.then) location.assign(poster.dataset.then);
    else fetchNow();
    const follow = poster.dataset.reopen ?? (poster.hasAttribute('data-open-answer') ? answer.data.ticket : null);
    if (follow) document.dispatchEvent(new CustomEvent('hd:open-ticket', { detail: follow }));
  }
  const words = event.target.closest('[data-copy-text]');
  if (words) await navigator.clipboard?.writeText(words.dataset.copyText);
  const copier = event.target.closest('[data-copy-link]');
  if (copier) {
    await navigator.clipboard?.writeText(new URL(copier.dataset.copyLink, location.href).href);
    if (copier.dataset.copied) copier.textContent = copier.dataset.copied;
  }
});

document.addEventListener('submit', async (event) => {
  const form = event.target;
  if (form.matches('[data-snooze-form]')) {
    event.preventDefault();
    if (await act('snooze', form.elements.until.value, $('[data-snooze]').dataset.snooze)) form.closest('details').open = false;
  }
  if (form.matches('[data-subject-form]')) act('subject', form.elements.subject.value, $('#ticket-head h2').title);
  if (form.matches('[data-ask]')) {
    event.preventDefault();
    const answer = await post(form.action, Object.fromEntries(new FormData(form)));
    if (!answer.ok) return void tell(answer);
    form.remove();
    fetchNow();
  }
  if (form.matches('[data-send]')) {
    event.preventDefault();
    if (form.dataset.busy) return;
    form.dataset.busy = '1';
    const answer = await post(form.getAttribute('action'), Object.fromEntries(new FormData(form)));
    delete form.dataset.busy;
    if (!answer.ok) return void tell(answer);
    form.closest('details')?.removeAttribute('open');
    fetchNow();
  }
  if (form.matches('[data-call-form]')) {
    event.preventDefault();
    logCall(form, event.submitter);
  }
  if (form.matches('[data-tag-form]')) {
    event.preventDefault();
    const input = form.elements.tag;
    if (input.value.trim() && (await tag({ add: input.value }))) input.value = '';
  }
});

/** Add or remove a tag of the open ticket. */
export const tag = (values) => underway(changeTags(values));

async function changeTags({ add, remove }) {
  const url = `/tickets/${ticketNumber()}/tags`;
  const answer = await post(url, { add, remove });
  if (!answer.ok) return void tell(answer);
  takenBack(url, { add: remove, remove: add });
  fetchNow();
  return true;
}

document.addEventListener('click', async (event) => {
  const untag = event.target.closest('[data-untag]');
  if (untag && (await tag({ remove: untag.dataset.untag }))) untag.closest('.hd-tag').remove();
  if (event.target.closest('[data-edit-subject]')) {
    const dialog = openDialog('subject-dialog');
    $('input[name=subject]', dialog).value = $('.hd-subject').textContent;
    $('input[name=subject]', dialog).select();
  }
});
