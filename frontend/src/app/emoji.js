// Faces to choose from; while one types, `:` and a name finds the same (suggest.js).
import { area } from './composer.js';
import { writer } from './rich.js';
import { EMOJI } from './suggest.js';
import { $ } from './util.js';

document.addEventListener('toggle', (event) => {
  const box = event.target.open && event.target.matches?.('.hd-emoji') && $('[data-emoji]', event.target);
  if (!box || box.childElementCount) return;
  for (const [name, face] of Object.entries(EMOJI)) {
    const button = document.createElement('button');
    button.type = 'button';
    button.textContent = face;
    button.title = name;
    button.setAttribute('aria-label', name.replaceAll('_', ' '));
    box.append(button);
  }
}, true);

document.addEventListener('click', (event) => {
  const button = event.target.closest('[data-emoji] button');
  if (!button) return;
  writer(area()).put(button.textContent);
});
