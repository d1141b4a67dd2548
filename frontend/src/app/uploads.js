// Files for a message: chosen, pasted or dropped; sent to the server at once, with their progress.
import { $, $$, csrf, post, toast, word } from './util.js';

// A file belongs to what it was attached to: what is meant for colleagues does not go out with the reply.
const shelf = () => $('[data-uploads]');
const chips = (kind, state = '') => $$(`.hd-attach[data-kind="${kind}"]${state}`, shelf() ?? document.createElement('div'));
const present = () => shelf()?.dataset.kind ?? 'reply';

export const uploadedTokens = (kind) => chips(kind, '[data-token]').map((chip) => chip.dataset.token);
export const uploading = () => chips(present(), '.is-loading').length > 0;
export const clearUploads = (kind) => chips(kind).forEach((chip) => chip.remove());

/** Only the files of this kind of writing are shown, and what is attached now is its. */
export function showUploads(kind) {
  shelf().dataset.kind = kind;
  for (const chip of $$('.hd-attach', shelf())) chip.hidden = chip.dataset.kind !== kind;
}

const changed = (kind) => document.dispatchEvent(new CustomEvent('hd:uploads', { detail: { kind } }));

/** Wait until no file is on its way any more; false when one of them did not arrive. */
export async function uploaded() {
  const waitedFor = chips(present(), '.is-loading');
  await Promise.all(waitedFor.map((chip) => chip.arrival));
  return waitedFor.every((chip) => chip.dataset.token || chip.takenOff);
}

export function upload(files) {
  for (const file of files) one(file);
}

/** Something on the shelf of a kind of writing, with a button that takes it off again. */
export function shelve(name, kind, stop = () => {}) {
  const chip = document.createElement('span');
  chip.className = 'hd-attach';
  chip.dataset.kind = kind;
  chip.hidden = kind !== present();
  const label = document.createElement('span');
  label.textContent = name;
  const remove = document.createElement('button');
  remove.type = 'button';
  remove.className = 'btn-close';
  remove.setAttribute('aria-label', word('remove', { name }));
  chip.append(label, remove);
  shelf().append(chip);
  remove.addEventListener('click', () => {
    stop();
    if (chip.dataset.token) post(`/uploads/${chip.dataset.token}/delete`);
    chip.remove();
    changed(kind);
  });
  return chip;
}

/** One that the server has already. */
export function addUploaded({ token, filename }, kind) {
  if (!uploadedTokens(kind).includes(token)) shelve(filename, kind).dataset.token = token;
}

function one(file) {
  let request = null;
  const chip = shelve(file.name, present(), () => {
    chip.takenOff = true;
    request?.abort();
  });
  const bar = document.createElement('progress');
  bar.max = 100;
  bar.value = 0;
  bar.setAttribute('aria-label', file.name);
  chip.firstElementChild.after(bar);
  chip.classList.add('is-loading');
  request = send(file, chip, bar);
  chip.arrival = new Promise((done) => request.addEventListener('loadend', done));
}

function send(file, chip, bar) {
  const request = new XMLHttpRequest();
  const body = new FormData();
  body.append('file', file, file.name || 'picture.png');
  request.open('POST', '/uploads');
  request.setRequestHeader('X-CSRFToken', csrf());
  request.setRequestHeader('Accept', 'application/json');
  request.upload.addEventListener('progress', (event) => { bar.value = event.lengthComputable ? (event.loaded / event.total) * 100 : 0; });
  const failed = (sentence) => {
    toast(sentence ?? word('upload_failed', { name: file.name }), { bad: true });
    chip.remove();
  };
  request.addEventListener('error', () => failed());
  request.addEventListener('load', () => {
    if (request.status === 413) return failed(word('too_large', { name: file.name }));
    if (request.status !== 200) return failed();
    chip.dataset.token = JSON.parse(request.responseText).token;
    chip.classList.remove('is-loading');
    bar.remove();
    changed(chip.dataset.kind);
  });
  request.send(body);
  return request;
}

document.addEventListener('change', (event) => {
  if (!event.target.matches('[data-attach]')) return;
  upload(event.target.files);
  event.target.value = '';
});

document.addEventListener('paste', (event) => {
  const files = [...(event.clipboardData?.files ?? [])];
  if (!files.length || !event.target.closest?.('#composer')) return;
  event.preventDefault();
  upload(files);
});

const over = (event) => event.target.closest?.('.hd-convo') && event.dataTransfer?.types.includes('Files');
document.addEventListener('dragover', (event) => over(event) && (event.preventDefault(), $('#composer')?.classList.add('is-drop')));
document.addEventListener('dragleave', () => $('#composer')?.classList.remove('is-drop'));
// A file dropped beside the composer does not take the place of the page.
for (const name of ['dragover', 'drop']) addEventListener(name, (event) => event.dataTransfer?.types.includes('Files') && !event.target.matches?.('input[type=file]') && event.preventDefault());
document.addEventListener('drop', (event) => {
  $('#composer')?.classList.remove('is-drop');
  if (!over(event)) return;
  event.preventDefault();
  upload(event.dataTransfer.files);
});
