// What a visitor may wish for besides an answer: mail instead, Telegram, a call, the transcript, the end.
import { h, icon } from './dom.js';
import { safeWays, WORDS } from './home.js';
import { uid } from './outbox.js';
import { s } from './strings.js';

export class Wishes {
  /** acts: session() -> promise, about() -> all that is told of the visitor, known() -> what they said of themselves,
   *  reach(values): they said more, wrote(): there is something new to fetch */
  constructor(told, api, acts) {
    Object.assign(this, { told, api, acts });
    this.node = h('section.w-sheet', { hidden: true });
    this.row = this.makeRow();
  }

  makeRow() {
    const { told } = this;
    const button = (words, act) => h('button', { type: 'button', onclick: act }, words);
    const links = safeWays(told).filter((way) => !(way.kind === 'email' && told.mail))
      .map((way) => h('a', { href: way.href, target: '_blank', rel: 'noopener', title: way.label }, WORDS[way.kind]));
    this.keep = button(s.transcript, () => this.openTranscript());
    this.end = h('button.w-quit', { type: 'button', onclick: () => this.openEnd() }, s.endChat);
    return h('nav.w-alt', { 'aria-label': s.otherWays },
      told.mail && button(s.mailMe, () => this.openMail()), told.bot && button('Telegram', () => this.openBot()),
      told.callback && button(s.callMe, () => this.openCall()), ...links, this.keep, this.end);
  }

  /** Before anything was said there is nothing to keep and nothing to end. */
  draw({ said, answered }) {
    this.keep.hidden = this.end.hidden = !said;
    this.answered = answered;
  }

  // --- the sheet -------------------------------------------------------------------------------------------------

  show(title, ...content) {
    const close = h('button', { type: 'button', 'aria-label': s.closeThis, onclick: () => this.hide() }, icon('x'));
    this.node.replaceChildren(h('header', {}, h('strong', {}, title), close), ...content);
    this.node.setAttribute('aria-label', title);
    this.node.hidden = false;
    this.node.querySelector('input:not([type=checkbox]), .w-btn')?.focus();
  }

  hide() {
    this.node.hidden = true;
  }

  /** True when there was something to close. */
  escape() {
    const open = !this.node.hidden;
    this.hide();
    return open;
  }

  /** A form of some fields: `send` gets their values; what it returns is shown in its place. */
  form(title, fields, words, send) {
    const error = h('p.w-error', { role: 'alert', hidden: true });
    const button = h('button.w-btn', { type: 'submit' }, words);
    const agree = this.acts.known().consent ? null : h('input', { type: 'checkbox' });
    const consent = agree && h('label.w-consent', {}, agree, h('span', {}, this.told.consent || s.consent(this.told.name)));
    const inputs = fields.map(({ name, label, ...rest }) => [h('label', {}, label, h('div.w-field', {}, h('input', { name, ...rest })))]);
    const node = h('form', { novalidate: true }, ...inputs, consent, error, button);
    node.addEventListener('submit', async (event) => {
      event.preventDefault();
      error.hidden = !agree || agree.checked;
      error.textContent = s.consentNeeded;
      if (!error.hidden) return;
      button.disabled = true;
      try {
        if (agree) this.acts.reach({ consent: this.told.consent || s.consent(this.told.name) });
        await this.acts.session();
        this.done(title, await send(Object.fromEntries(new FormData(node))));
      } catch (problem) {
        error.textContent = problem.status ? problem.message : s.noConnection;
        error.hidden = false;
        button.disabled = false;
      }
    });
    this.show(title, node);
  }

  done(title, words) {
    const node = h('p', { role: 'status', tabindex: '-1' }, words);
    this.show(title, node);
    node.focus();
  }

  get email() {
    const { contact } = this.acts.known();
    return contact?.includes('@') ? contact : '';
  }

  // --- one by one --------------------------------------------------------------------------------------------------

  openMail() {
    const field = { name: 'email', label: s.emailAddress, type: 'email', autocomplete: 'email', maxlength: '320', value: this.email };
    this.form(s.mailMe, [field], s.mailAnswers, async ({ email }) => {
      const answer = await this.api.post('/elsewhere', { by: 'email', email, about: this.acts.about() });
      this.acts.reach({ contact: answer.email });
      return s.mailedTo(answer.email);
    });
  }

  openBot() {
    const link = async () => {
      const { url } = await this.api.post('/elsewhere', { by: 'telegram' });
      return h('a.w-btn', { href: url, target: '_blank', rel: 'noopener noreferrer' }, s.openTelegram);
    };
    const wait = h('p', { role: 'status' }, s.botWords);
    this.show('Telegram', wait);
    this.acts.session().then(link).then((node) => wait.after(node), (problem) => {
      wait.textContent = problem.status ? problem.message : s.noConnection;
    });
  }

  openCall() {
    const { contact } = this.acts.known();
    const known = contact && !contact.includes('@') ? contact : '';
    const id = uid(); // sent twice it is one wish
    const fields = [
      { name: 'phone', label: s.phoneNumber, type: 'tel', inputmode: 'tel', autocomplete: 'tel', maxlength: '40', value: known },
      { name: 'when', label: s.callWhen, maxlength: '200' },
    ];
    this.form(s.callMe, fields, s.callAsk, async ({ phone, when }) => {
      await this.api.post('/callback', { client_msg_id: id, phone, when, about: this.acts.about() });
      this.acts.wrote();
      return s.callThanks;
    });
  }

  openTranscript() {
    const save = h('button.w-btn', { type: 'button', onclick: () => this.save() }, s.transcriptSave);
    const mail = this.answered && h('button.w-link', { type: 'button', onclick: () => this.mailTranscript() }, s.transcriptMail);
    this.show(s.transcript, save, mail || '');
  }

  async save() {
    try {
      const url = URL.createObjectURL(await this.api.ask('/transcript', { blob: true }));
      h('a', { href: url, download: 'chat.txt' }).click();
      setTimeout(() => URL.revokeObjectURL(url), 10_000);
      this.hide();
    } catch (problem) {
      this.done(s.transcript, problem.status ? problem.message : s.noConnection);
    }
  }

  mailTranscript() {
    const field = { name: 'email', label: s.emailAddress, type: 'email', autocomplete: 'email', maxlength: '320', value: this.email };
    this.form(s.transcript, [field], s.transcriptMail, async ({ email }) => s.transcriptSent((await this.api.post('/transcript', { email })).email));
  }

  openEnd() {
    const end = async () => {
      try {
        await this.api.post('/finish', {});
        this.openTranscript();
        this.node.querySelector('header').after(h('p', { role: 'status' }, s.ended));
        this.acts.wrote();
      } catch (problem) {
        this.done(s.endChat, problem.status ? problem.message : s.noConnection);
      }
    };
    this.show(s.endChat, h('p', {}, s.endSure), h('button.w-btn', { type: 'button', onclick: end }, s.endChat));
  }
}
