// The conversation: messages of the desk and what still waits here, drawn anew in place.
import { h, icon, initials, linked, sizeOf } from './dom.js';
import { ratingCard } from './rating.js';
import { lang, s } from './strings.js';

const GAP_MS = 30 * 60_000;
const clock = new Intl.DateTimeFormat(lang, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
const day = new Intl.DateTimeFormat(lang, { day: 'numeric', month: 'long' });
const exact = new Intl.DateTimeFormat(lang, { dateStyle: 'full', timeStyle: 'short' });

function when(at) {
  const time = clock.format(at);
  return at.toDateString() === new Date().toDateString() ? `${s.today} ${time}` : `${day.format(at)} ${time}`;
}

export class Thread {
  /** acts: rate(id, answer), retry(id), file(token) -> promise of a blob URL */
  constructor(brand, acts) {
    Object.assign(this, { brand, acts, drawn: new Map(), items: [], waiting: [], seenSeq: 0, typingName: null });
    this.log = h('div.w-lines', { role: 'log', 'aria-label': s.messages, 'aria-live': 'polite' });
    this.typingLine = h('div.w-by', { hidden: true }, h('i', { 'aria-hidden': 'true' }), h('span'));
    this.dots = h('div.w-msg.them.w-typing', { 'aria-hidden': 'true', hidden: true }, h('i'), h('i'), h('i'));
    this.node = h('div.w-thread', { tabindex: '0', role: 'region', 'aria-label': s.messages }, this.log, this.typingLine, this.dots);
  }

  get atEnd() {
    return this.node.scrollHeight - this.node.scrollTop - this.node.clientHeight < 80;
  }

  toEnd() {
    this.node.scrollTop = this.node.scrollHeight;
  }

  draw({ items, waiting, seenSeq }) {
    const stay = !this.atEnd;
    Object.assign(this, { items, waiting, seenSeq });
    const known = new Set(items.map((m) => m.client_msg_id).filter(Boolean));
    const mine = waiting.filter((w) => !known.has(w.id)).map((w) => this.ownLine(w));
    const lines = [...items, ...mine];
    const nodes = [];
    let before = null;
    for (const line of lines) {
      nodes.push(...this.between(before, line), this.line(line));
      before = line;
    }
    nodes.push(...this.marks(lines.at(-1)));
    this.replace(nodes);
    if (!stay) this.toEnd();
  }

  /** Nodes that did not change stay where they are, so that a reader and the focus are not disturbed. */
  replace(nodes) {
    const keep = new Set(nodes);
    for (const old of [...this.log.childNodes]) if (!keep.has(old)) old.remove();
    nodes.forEach((node, at) => {
      if (this.log.childNodes[at] !== node) this.log.insertBefore(node, this.log.childNodes[at] ?? null);
    });
  }

  ownLine(waiting) {
    return {
      id: waiting.id, direction: 'in', kind: 'reply', text: waiting.text, created_at: waiting.at, state: waiting.state,
      error: waiting.error, attachments: waiting.attachments, author: { type: 'customer', name: '' }, seq: Infinity,
    };
  }

  once(key, make) {
    if (!this.drawn.has(key)) this.drawn.set(key, make());
    return this.drawn.get(key);
  }

  between(before, line) {
    const at = new Date(line.created_at);
    const nodes = [];
    const gap = !before || at - new Date(before.created_at) > GAP_MS;
    if (gap) nodes.push(this.once(`when:${line.id}:${at.toDateString()}`, () => h('span.w-when', {}, when(at))));
    const author = (m) => (m.direction === 'out' ? m.author.name || this.brand : '');
    if (line.direction === 'out' && (gap || !before || author(before) !== author(line))) {
      nodes.push(this.once(`by:${line.id}`, () => this.byline(author(line), at)));
    }
    return nodes;
  }

  byline(name, at) {
    return h('div.w-by', { title: exact.format(at) }, h('i', { 'aria-hidden': 'true' }, initials(name)), `${name} · ${clock.format(at)}`);
  }

  line(message) {
    const key = [message.id, message.state, message.error, message.edited, message.survey?.state, message.text.length].join(':');
    return this.once(key, () => {
      if (message.survey) return ratingCard(message, (answer) => this.acts.rate(message.id, answer));
      const side = message.direction === 'in' ? 'me' : 'them';
      const who = side === 'me' ? s.you : message.author.name || this.brand;
      const bubble = h(`div.w-msg.${side}`, { title: exact.format(new Date(message.created_at)) });
      bubble.append(h('span.w-quiet', {}, `${who}: `));
      if (message.text) bubble.append(h('span.w-text', {}, ...linked(message.text)));
      if (message.edited) bubble.append(h('small', {}, ` (${s.edited})`));
      if (message.elsewhere) bubble.append(h('small.w-from', {}, icon('mail'), s.byMail));
      bubble.append(...message.attachments.map((file) => this.file(file)));
      return bubble;
    });
  }

  file(file) {
    if (file.problem || !file.token) return h('span.w-file', {}, icon('paperclip'), `${file.filename}: ${s.missing}`);
    if (file.picture) return this.picture(file);
    const name = h('span', {}, file.filename);
    const size = h('small', {}, sizeOf(file.size_bytes, lang));
    const save = async () => h('a', { href: await this.acts.file(file.token), download: file.filename }).click();
    const failed = () => {
      size.textContent = s.missing;
    };
    return h('button.w-file', { type: 'button', 'aria-label': s.download(file.filename), onclick: () => save().catch(failed) }, icon('file'), name, size);
  }

  picture(file) {
    const img = h('img', { alt: '' });
    const button = h('button.w-picture', { type: 'button', 'aria-label': s.picture(file.filename) }, img);
    const stay = () => this.atEnd;
    this.acts.file(file.token).then((url) => {
      const follow = stay();
      img.addEventListener('load', () => follow && this.toEnd());
      img.src = url;
      button.addEventListener('click', () => window.open(url, '_blank', 'noopener'));
    }, () => button.replaceWith(h('span.w-file', {}, icon('photo-off'), s.missing)));
    return button;
  }

  /** Under the last own line: on its way, arrived, seen, or what to do. */
  marks(last) {
    if (!last || last.direction !== 'in') return [];
    if (last.state === 'failed') {
      const again = h('button.w-link', { type: 'button', onclick: () => this.acts.retry(last.id) }, s.retry);
      return [h('span.w-mark.is-bad', { role: 'alert' }, icon('alert-triangle'), s.notSent, ' ', last.error || '', ' ', again)];
    }
    const words = { sending: s.sending, waiting: last.error || s.waiting, sent: s.sent };
    const seen = !last.state && last.seq <= this.seenSeq;
    const picture = seen ? icon('checks') : icon(last.state === 'sending' || last.state === 'waiting' ? 'clock' : 'check');
    return [h('span.w-mark', {}, picture, seen ? s.seen : words[last.state] ?? s.sent)];
  }

  typing(name) {
    const follow = this.atEnd;
    this.typingLine.hidden = this.dots.hidden = name === null;
    if (name === null) return;
    this.typingLine.firstChild.textContent = initials(name || this.brand);
    this.typingLine.lastChild.textContent = s.typing(name);
    if (follow) this.toEnd();
  }
}
