// What `z` takes back: one pile of deeds, newest first, whatever they were. Each knows how to undo itself.
import { toast, word } from './util.js';

const pile = [];

/** Remember a deed: `back` undoes it; `seconds`: how long that is possible. Answers what takes just this one back. */
export function undoable(back, { seconds = Infinity } = {}) {
  const deed = { back, until: Date.now() + seconds * 1000 };
  pile.push(deed);
  return () => {
    const at = pile.indexOf(deed);
    if (at >= 0) pile.splice(at, 1), deed.back();
  };
}

const running = new Set();

/** A deed that is on its way to the server: who undoes it at once waits for it. */
export function underway(deed) {
  running.add(deed);
  return deed.finally(() => running.delete(deed));
}

/** The newest deed that can still be undone. */
export async function undo() {
  await Promise.allSettled([...running]);
  while (pile.length) {
    const deed = pile.pop();
    if (deed.until > Date.now()) return deed.back();
  }
  toast(word('nothing_to_undo'));
}
