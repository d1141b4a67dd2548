// Builds helpdesk/static/dist: scripts, styles, fonts and the icon sprite under hashed names, and manifest.json.
//   node build.mjs            build (an icon nobody has drawn is a warning)
//   node build.mjs --strict   the same, but that warning is an error
//   node build.mjs --clean    leave nothing of an older build behind
//   node build.mjs --watch    build again whenever a template, script or sheet changes
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import zlib from 'node:zlib';
import esbuild from 'esbuild';
import { sprite } from './build/icons.mjs';
import { purgedTabler } from './build/tabler.mjs';

const here = path.dirname(fileURLToPath(import.meta.url));
const root = path.join(here, '..');
const dist = path.join(root, 'helpdesk/static/dist');
const modules = path.join(here, 'node_modules');
const KEEP_OLD_MS = 3600_000; // a page opened before a rebuild still finds its files

const ESM = ['app.js', 'app.css', 'public.css', 'widget.css', 'trix.css', 'demo.css']; // may share lazily loaded chunks
const IIFE = ['widget-loader.js', 'widget.js', 'public.js', 'demo.js', 'form-loader.js', 'form.js', 'sw.js']; // run as plain scripts, one file each
const READ = [
  ['templates', /\.(html|txt|xml|svg)$/],
  ['frontend/src', /\.js$/],
  ['helpdesk', /\.py$/],
  ['connectors', /\.py$/],
];

function texts() {
  return READ.flatMap(([folder, wanted]) => {
    const start = path.join(root, folder);
    if (!fs.existsSync(start)) return [];
    const files = fs.readdirSync(start, { recursive: true }).filter((file) => wanted.test(file)).sort();
    return files.map((file) => fs.readFileSync(path.join(start, file), 'utf8'));
  });
}

const present = (names) => names.map((name) => path.join(here, 'src', name)).filter((file) => fs.existsSync(file));

async function bundle(entryPoints, options, plugins) {
  const result = await esbuild.build({
    entryPoints, plugins, outdir: dist, outbase: path.join(here, 'src'), bundle: true, minify: true, write: false, metafile: true,
    absWorkingDir: here, target: 'es2022', legalComments: 'linked', entryNames: '[name]-[hash]', chunkNames: 'chunk-[hash]',
    assetNames: '[name]-[hash]', loader: { '.woff2': 'file', '.svg': 'dataurl' }, logLevel: 'warning', ...options,
  });
  const manifest = {};
  for (const [file, output] of Object.entries(result.metafile.outputs)) {
    if (output.entryPoint) manifest[path.basename(output.entryPoint)] = path.basename(file);
    const font = path.basename(file).match(/^(inter-.*)-wght-normal-\w+\.woff2$/);
    if (font) manifest[`${font[1]}.woff2`] = path.basename(file);
  }
  return { manifest, files: result.outputFiles.map((file) => [path.basename(file.path), file.contents]) };
}

function write(files, manifest, keepMs) {
  fs.mkdirSync(dist, { recursive: true });
  for (const [name, contents] of files) fs.writeFileSync(path.join(dist, name), contents);
  const next = path.join(dist, `manifest.${process.pid}.tmp`);
  fs.writeFileSync(next, JSON.stringify(manifest, null, 1));
  fs.renameSync(next, path.join(dist, 'manifest.json')); // last and at once: never names a file that is not there
  const current = new Set([...files.map(([name]) => name), 'manifest.json']);
  for (const name of fs.readdirSync(dist)) {
    const file = path.join(dist, name);
    if (!current.has(name) && !name.startsWith('.') && Date.now() - fs.statSync(file).mtimeMs > keepMs) fs.rmSync(file);
  }
}

async function build({ strict, clean }) {
  const read = texts();
  const icons = sprite(read, path.join(modules, '@tabler/icons/icons/outline'));
  const tabler = purgedTabler(read);
  const [esm, iife] = await Promise.all([
    bundle(present(ESM), { format: 'esm', splitting: true }, [tabler]),
    bundle(present(IIFE), { format: 'iife' }, []),
  ]);
  const hash = crypto.createHash('sha256').update(icons.svg).digest('hex').slice(0, 8).toUpperCase();
  const mark = fs.readFileSync(path.join(here, 'src', 'mark.svg'));
  const stamp = crypto.createHash('sha256').update(mark).digest('hex').slice(0, 8).toUpperCase();
  const manifest = { ...esm.manifest, ...iife.manifest, 'icons.svg': `icons-${hash}.svg`, 'mark.svg': `mark-${stamp}.svg` };
  const files = [...esm.files, ...iife.files, [manifest['icons.svg'], Buffer.from(icons.svg)], [manifest['mark.svg'], mark]];
  write([...files, ...packed(files)], manifest, clean ? -1 : KEEP_OLD_MS);
  report(files, icons);
  if (strict && icons.unknown.length) process.exitCode = 1;
}

/** A copy beside each file that is worth it, for browsers that ask for gzip (all do). */
const packed = (files) => files
  .filter(([name]) => /\.(js|css|svg)$/.test(name))
  .map(([name, body]) => [`${name}.gz`, zlib.gzipSync(body, { level: 9 })]);

function report(files, icons) {
  const kb = (bytes) => (bytes / 1024).toFixed(1);
  const shown = files.filter(([name]) => !/LEGAL|\.woff2$/.test(name));
  console.error(shown.map(([name, body]) => `${name} ${kb(body.length)} kB, ${kb(zlib.gzipSync(body).length)} gzipped`).join('\n'));
  if (icons.unknown.length) console.error(`These icons are not in Tabler's set: ${icons.unknown.join(', ')}`);
}

async function watch() {
  let timer;
  const again = () => {
    clearTimeout(timer);
    timer = setTimeout(() => build({}).catch((error) => console.error(error.message)), 200);
  };
  for (const folder of ['templates', 'frontend/src', 'helpdesk', 'connectors'].map((name) => path.join(root, name))) {
    if (fs.existsSync(folder)) fs.watch(folder, { recursive: true }, (_, file) => /dist|__pycache__/.test(file ?? '') || again());
  }
  again();
}

const has = (flag) => process.argv.includes(flag);
await (has('--watch') ? watch() : build({ strict: has('--strict'), clean: has('--clean') }));
