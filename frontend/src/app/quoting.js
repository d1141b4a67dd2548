// Answering one message among many: what was said, or what of it is marked, stands quoted in the reply.
import { area, choose } from './composer.js';
import { writer } from './rich.js';
import { $ } from './util.js';

document.addEventListener('click', (event) => {
  const button = event.target.closest('[data-quote]');
  const bubble = button && $(`#${button.dataset.quote} .hd-bubble`);
  if (!bubble) return;
  const said = (markedIn(bubble) || wordsOf(bubble)).trim();
  choose('reply');
  const before = writer(area('reply')).before();
  const gap = before && !before.endsWith('\n') ? '\n\n' : '';
  writer(area('reply')).put(`${gap}${said.split('\n').map((line) => `> ${line}`.trimEnd()).join('\n')}\n\n`);
});

/** What is selected in it, if anything is. */
function markedIn(bubble) {
  const selection = getSelection();
  return selection?.rangeCount && bubble.contains(selection.getRangeAt(0).commonAncestorContainer) ? selection.toString() : '';
}

/** Its words, without files and without what it quotes itself. */
function wordsOf(bubble) {
  return [...bubble.children].filter((part) => part.matches('p, .hd-rich')).map((part) => part.innerText.trim()).join('\n\n');
}
