// Tabler's sheet is 620 kB; of it we ship the rules whose classes our templates and scripts can name.
import fs from 'node:fs';
import { PurgeCSS } from 'purgecss';

// States and parts that are put together at run time, or that Bootstrap's own rules add.
const KEEP = [
  /^(show|active|disabled|collapsed|collapsing|fade|is-valid|is-invalid|was-validated|visually-hidden(-focusable)?)$/,
  /^(btn|form|input-group|table|card|alert|badge|dropdown|nav|page|row|col|d|modal|progress)(-|$)/,
];
const KEEP_LESS = [
  // variations nobody uses unless a template names them
  /^(btn|badge|alert|table|nav|card|progress)-.*(facebook|twitter|x|google|youtube|vimeo|dribbble|github|instagram|pinterest|vk|rss|flickr|bitbucket|tabler)$/,
  /-(blue|azure|indigo|purple|pink|red|orange|yellow|lime|green|teal|cyan|gray|black|white)(-|$)/,
  /-(xs|sm|md|lg|xl|xxl)(-|$)/,
];

const WORD = /[A-Za-z0-9_][A-Za-z0-9_:/.-]*/g;

function kept(name) {
  return KEEP.some((rule) => rule.test(name)) && !KEEP_LESS.some((rule) => rule.test(name));
}

/** An esbuild plugin: hands out Tabler's sheet without the rules that none of `texts` can match. */
export function purgedTabler(texts) {
  return {
    name: 'purged-tabler',
    setup(build) {
      let purged;
      build.onLoad({ filter: /@tabler[\\/]core[\\/].*tabler\.min\.css$/ }, async ({ path }) => {
        purged ??= await purge(fs.readFileSync(path, 'utf8'), texts);
        return { contents: purged, loader: 'css' };
      });
    },
  };
}

// A rule like `.steps:not(:has(> .step-item)) > :last-child` makes the browser look at every element of the page again
// whenever a node comes or goes anywhere, and we have none of the parts such rules are for. `legend + *` does the same to
// all that hangs below the node's parent: a neighbour of anything, when it comes, may be its right side.
const withoutHas = (css) => css.replace(/[^{}]*:has\([^{}]*\{[^{}]*\}/g, '').replaceAll('legend+*{', 'fieldset>:not(legend){');

async function purge(css, texts) {
  const words = new Set(texts.flatMap((text) => text.match(WORD) ?? []));
  const classes = [...new Set(css.match(/\.-?[A-Za-z_][\w-]*/g) ?? [])].map((name) => name.slice(1));
  const [result] = await new PurgeCSS().purge({
    content: [{ raw: [...words].join(' '), extension: 'html' }],
    css: [{ raw: css }],
    defaultExtractor: (text) => text.split(' '),
    safelist: { standard: ['html', 'body', 'data-bs-theme', ...classes.filter(kept)] },
    keyframes: true,
    variables: false,
  });
  return withoutHas(result.css);
}
