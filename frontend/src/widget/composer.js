// Where the visitor writes: text, files, pictures, a few emoji. What is typed is kept until it is sent.
import { h, icon, sizeOf } from './dom.js';
import { lang, s } from './strings.js';

const EMOJI = '😀 😊 😂 😍 😘 🤔 😅 😢 😭 😡 😱 🙏 👍 👎 👌 👏 💪 🎉 🎁 🌸 🌹 ❤️ 💔 🔥 ⭐ ✅ ❌ ❓ 📷 📦 🚚 ☕'.split(' ');
const LINES_MAX_PX = 132;

export class Composer {
  /** acts: send(text, files), typed(), upload(file) -> promise of {token…}, ready() -> bool (may a message leave?) */
  constructor(limits, store, acts) {
    Object.assign(this, { limits, store, acts, files: [] });
    this.text = h('textarea', { rows: '1', 'aria-label': s.message, placeholder: s.write, maxlength: String(limits.text), enterkeyhint: 'send' });
    this.picker = h('input', { type: 'file', multiple: true, hidden: true, tabindex: '-1', 'aria-hidden': 'true' });
    this.chips = h('ul.w-chips', { hidden: true });
    this.error = h('p.w-error', { role: 'alert', hidden: true });
    this.emoji = this.emojiBox();
    this.emojiButton = h('button', { type: 'button', 'aria-label': s.emoji, 'aria-expanded': 'false', onclick: () => this.showEmoji(this.emoji.hidden) }, icon('mood-smile'));
    const attach = h('button', { type: 'button', 'aria-label': s.attach, onclick: () => this.picker.click() }, icon('paperclip'));
    const send = h('button', { type: 'submit', 'aria-label': s.send }, icon('arrow-up'));
    this.box = h('div.w-in', {}, attach, this.picker, this.text, this.emojiButton, send);
    this.node = h('form.w-foot', { novalidate: true }, this.error, this.emoji, this.chips, this.box);
    this.listen();
    this.text.value = store.get('draft', '');
    requestAnimationFrame(() => this.grow());
  }

  listen() {
    this.node.addEventListener('submit', (event) => {
      event.preventDefault();
      this.send();
    });
    this.text.addEventListener('keydown', (event) => {
      if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) { // an input method's Enter is not ours
        event.preventDefault();
        this.send();
      }
    });
    this.text.addEventListener('input', () => {
      this.grow();
      this.store.set('draft', this.text.value);
      if (this.text.value.trim()) this.acts.typed();
    });
    this.text.addEventListener('paste', (event) => this.take(event.clipboardData.files, event));
    this.node.addEventListener('dragover', (event) => event.preventDefault());
    this.node.addEventListener('drop', (event) => this.take(event.dataTransfer.files, event));
    this.picker.addEventListener('change', () => {
      this.take(this.picker.files);
      this.picker.value = '';
    });
  }

  grow() {
    this.text.style.height = 'auto';
    this.text.style.height = `${Math.min(this.text.scrollHeight, LINES_MAX_PX)}px`;
  }

  say(words) {
    this.error.textContent = words;
    this.error.hidden = !words;
  }

  send() {
    const text = this.text.value.trim();
    const waiting = this.files.some((file) => !file.token);
    if ((!text && !this.files.length) || waiting || !this.acts.ready()) return;
    this.say('');
    this.acts.send(text, this.files);
    this.files = [];
    this.text.value = '';
    this.store.drop('draft');
    this.showEmoji(false);
    this.drawFiles();
    this.grow();
    this.text.focus();
  }

  // --- files -----------------------------------------------------------------------------------------------------

  take(list, event) {
    const given = [...(list ?? [])];
    if (!given.length) return;
    event?.preventDefault();
    this.say('');
    for (const file of given) {
      if (this.files.length >= this.limits.files) this.say(s.tooMany(this.limits.files));
      else if (file.size > this.limits.file_bytes) this.say(s.tooLarge(file.name, Math.round(this.limits.file_bytes / 1024 / 1024)));
      else this.upload(file);
    }
  }

  async upload(file) {
    const chip = { filename: file.name, size_bytes: file.size, content_type: file.type, picture: false, problem: '', token: '', failed: '' };
    this.files = [...this.files, chip];
    this.drawFiles();
    try {
      Object.assign(chip, await this.acts.upload(file));
    } catch (problem) {
      chip.failed = problem.status === 413 ? s.tooLarge(file.name, Math.round(this.limits.file_bytes / 1024 / 1024)) : s.uploadFailed;
      chip.again = () => {
        this.files = this.files.filter((other) => other !== chip);
        this.upload(file);
      };
    }
    this.drawFiles();
  }

  drawFiles() {
    this.chips.replaceChildren(...this.files.map((file) => this.chip(file)));
    this.chips.hidden = !this.files.length;
  }

  chip(file) {
    const remove = () => {
      this.files = this.files.filter((other) => other !== file);
      this.drawFiles();
    };
    const state = file.failed || (file.token ? sizeOf(file.size_bytes, lang) : s.uploading);
    const again = file.again && h('button.w-link', { type: 'button', onclick: file.again }, s.retry);
    return h('li', {}, icon('file'), h('span', {}, file.filename), h('small', {}, state), again,
      h('button', { type: 'button', 'aria-label': s.removeFile(file.filename), onclick: remove }, icon('x')));
  }

  // --- emoji -----------------------------------------------------------------------------------------------------

  emojiBox() {
    const put = (sign) => {
      const { selectionStart: from, selectionEnd: to } = this.text;
      this.text.setRangeText(sign, from, to, 'end');
      this.text.dispatchEvent(new Event('input'));
      this.text.focus();
    };
    return h('div.w-emoji', { role: 'group', 'aria-label': s.emoji, hidden: true },
      ...EMOJI.map((sign) => h('button', { type: 'button', onclick: () => put(sign) }, sign)));
  }

  showEmoji(open) {
    this.emoji.hidden = !open;
    this.emojiButton.setAttribute('aria-expanded', String(open));
  }

  /** Escape closes what is on top first. */
  escape() {
    if (this.emoji.hidden) return false;
    this.showEmoji(false);
    this.text.focus();
    return true;
  }
}
