// Ages and promises go on counting while the page is open.
import { $$, word } from './util.js';

const MINUTE = 60_000;

function span(ms) {
  const minutes = Math.floor(Math.abs(ms) / MINUTE);
  const [d, h, m] = [Math.floor(minutes / 1440), Math.floor((minutes % 1440) / 60), minutes % 60];
  if (d) return h ? word('days_hours', { d, h }) : word('days', { d });
  if (h) return m ? word('hours_minutes', { h, m }) : word('hours', { n: h });
  return word('minutes', { n: m });
}

function age(element, now) {
  const ms = now - Date.parse(element.dateTime);
  if (ms >= 24 * 60 * MINUTE) return; // absolute by now: as the server wrote it, or at the next load
  element.textContent = ms < MINUTE ? word('now') : ms < 60 * MINUTE ? word('minutes', { n: Math.floor(ms / MINUTE) }) : word('hours', { n: Math.floor(ms / MINUTE / 60) });
}

function promise(chip, now) {
  const due = Date.parse(chip.dataset.due);
  const soon = chip.dataset.soon ? Date.parse(chip.dataset.soon) : Infinity;
  const late = due <= now;
  chip.classList.toggle('is-late', late);
  chip.classList.toggle('is-soon', !late && soon <= now);
  const use = chip.querySelector('use');
  if (use) use.setAttribute('href', use.getAttribute('href').replace(/#.*/, late ? '#alert-triangle' : '#clock'));
  const text = chip.querySelector('[data-left]');
  if (text) text.textContent = late ? word('late', { time: span(Math.max(MINUTE, now - due)) }) : word('left', { time: span(due - now + 59_000) });
}

export function tick() {
  const now = Date.now();
  for (const element of $$('time[data-ago]')) age(element, now);
  for (const chip of $$('[data-due]')) promise(chip, now);
}

setInterval(() => document.hidden || tick(), 20_000);
document.addEventListener('visibilitychange', () => document.hidden || tick());
