// One sprite of exactly the icons the product uses.
import fs from 'node:fs';
import path from 'node:path';

// Tabler has no Zalo glyph: a plain bubble with a Z, drawn for this project.
const OWN = {
  'ch-zalo': '<path d="M4 7a3 3 0 0 1 3 -3h10a3 3 0 0 1 3 3v8a3 3 0 0 1 -3 3h-5l-4 3v-3h-1a3 3 0 0 1 -3 -3z"/><path d="M9 8.5h6l-6 5.5h6"/>',
};

// Where a name certainly is an icon's: one that is not in the set is reported.
const NAME = '([a-z0-9][a-z0-9-]*)';
const USES = [
  new RegExp(`icons\\.svg#${NAME}`, 'g'), // a plain reference
  new RegExp(`\\bicon\\(\\s*['"]${NAME}['"]\\s*[,)]`, 'g'), // the template function, the JS helper
  new RegExp(`\\bicon['"]?\\s*(?::\\s*[A-Za-z]+\\s*)?[=:]\\s*['"]${NAME}['"]`, 'g'), // icon = "x", icon: str = "x", {"icon": "x"}
  new RegExp(`\\bdata-icon=['"]${NAME}['"]`, 'g'),
];
const LISTS = /@icons ([a-z0-9 -]+)/g; // a comment for names that are put together at run time: @icons mail phone
// Where a name may be one: in tables such as ("mine", _("Mine"), "user") or icon("clock" if late else "check").
const LITERAL = /(["'])([a-z0-9][a-z0-9-]*)\1/g;
const NEAR = /icon|glyph|_\(/i;

/** Names that must be icons. */
export function iconsIn(text) {
  const names = USES.flatMap((use) => [...text.matchAll(use)].map((match) => match[1]));
  const listed = [...text.matchAll(LISTS)].flatMap((match) => match[1].trim().split(/ +/));
  return [...names, ...listed];
}

/** Names that are icons if the set has them: with a hyphen, or near a word that says so. One too many costs 60 bytes. */
export function perhapsIn(text) {
  const near = (at) => NEAR.test(text.slice(Math.max(0, at - 160), at + 80));
  return [...text.matchAll(LITERAL)].filter((match) => match[2].includes('-') || near(match.index)).map((match) => match[2]);
}

function shapes(name, folder) {
  const svg = fs.readFileSync(path.join(folder, `${name}.svg`), 'utf8');
  return svg
    .replace(/<!--[\s\S]*?-->/g, '')
    .replace(/^[\s\S]*?<svg[^>]*>/, '')
    .replace(/<\/svg>\s*$/, '')
    .replace(/<path stroke="none"[^>]*\/>/, '')
    .replace(/\s*\n\s*/g, '')
    .trim();
}

/** The sprite, and the names nobody has drawn. */
export function sprite(texts, folder) {
  const drawn = (name) => name in OWN || fs.existsSync(path.join(folder, `${name}.svg`));
  const certain = new Set(texts.flatMap(iconsIn));
  const names = new Set([...certain, ...texts.flatMap(perhapsIn)].filter(drawn));
  const symbols = [...names].sort().map((name) => `<symbol id="${name}" viewBox="0 0 24 24">${OWN[name] ?? shapes(name, folder)}</symbol>`);
  const unknown = [...certain].filter((name) => !drawn(name)).sort();
  return { svg: `<svg xmlns="http://www.w3.org/2000/svg">${symbols.join('')}</svg>`, unknown };
}
