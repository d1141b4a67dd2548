// Making elements. Text goes in as text, always: nothing a person wrote is ever read as HTML.
const sprite = document.body.dataset.icons;

/** h('div.w-msg.me', {role: 'note', onclick: f}, 'text', node…) */
export function h(what, values = {}, ...children) {
  const [name, ...classes] = what.split('.');
  const made = document.createElement(name);
  if (classes.length) made.className = classes.join(' ');
  for (const [key, value] of Object.entries(values)) {
    if (value === false || value == null) continue;
    if (key.startsWith('on')) made.addEventListener(key.slice(2), value);
    else if (key === 'value') made.value = value;
    else made.setAttribute(key, value === true ? '' : value);
  }
  made.append(...children.flat().filter((child) => child != null && child !== false));
  return made;
}

export function icon(name) {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  const use = document.createElementNS(svg.namespaceURI, 'use');
  svg.setAttribute('aria-hidden', 'true');
  use.setAttribute('href', `${sprite}#${name}`);
  svg.append(use);
  return svg;
}

const LINK = /\bhttps?:\/\/[^\s<>"'()]+[^\s<>"'().,;:!?]/g;

/** Text with its web addresses as links; only http and https become one. */
export function linked(text) {
  const parts = [];
  let from = 0;
  for (const found of text.matchAll(LINK)) {
    parts.push(text.slice(from, found.index), h('a', { href: found[0], target: '_blank', rel: 'noopener noreferrer nofollow' }, found[0]));
    from = found.index + found[0].length;
  }
  parts.push(text.slice(from));
  return parts.filter(Boolean);
}

export const initials = (name) => {
  const words = name.trim().split(/\s+/).filter(Boolean);
  return (words.length > 1 ? words[0][0] + words.at(-1)[0] : words[0]?.[0] ?? '?').toUpperCase();
};

export function sizeOf(bytes, lang) {
  const mb = bytes >= 1024 * 1024;
  const value = mb ? bytes / 1024 / 1024 : Math.max(1, bytes / 1024);
  return `${new Intl.NumberFormat(lang, { maximumFractionDigits: mb ? 1 : 0 }).format(value)} ${mb ? 'MB' : 'kB'}`;
}
