// What a visitor meets first: a greeting, when an answer comes, where they can be reached, other ways.
import { h, icon } from './dom.js';
import { lang, s } from './strings.js';

/** One line under the shop's name: open until when, or back when. */
export function stateLine(hours) {
  if (hours.open) return hours.until ? s.openUntil(hours.until) : s.online;
  if (!hours.next) return s.away;
  if (hours.next_days === 0) return s.backAt(hours.next);
  if (hours.next_days === 1) return s.backTomorrow(hours.next);
  const monday = Date.UTC(2024, 0, 1);
  const name = new Intl.DateTimeFormat(lang, { weekday: 'long', timeZone: 'UTC' }).format(monday + hours.next_weekday * 86_400_000);
  return s.backOn(name, hours.next);
}

function promise(told) {
  if (!told.hours.open) return told.away_message || s.awayAsk;
  const n = told.answer_minutes;
  if (!n) return '';
  return n < 90 ? s.answerMinutes(n) : s.answerHours(Math.round(n / 60));
}

const SIGNS = { email: 'mail', phone: 'phone', zalo: 'message-circle' }; // @icons mail phone message-circle
export const WORDS = { email: s.email, phone: s.hotline, zalo: 'Zalo' };

/** Other doors of the shop; only what a mail program, a phone or Zalo opens. */
export const safeWays = (told) => told.ways.filter((way) => /^(mailto:|tel:|https:\/\/zalo\.me\/)/.test(way.href));

export class Home {
  /** acts: resume(), call() */
  constructor(told, about, acts) {
    this.told = told;
    this.call = told.callback && acts.call;
    this.words = told.consent || s.consent(told.name);
    this.resume = h('button.w-card.w-resume', { type: 'button', hidden: true, onclick: acts.resume }, icon('messages'), h('span', {}, s.continueChat), icon('chevron-right'));
    this.form = this.reach(about);
    const words = promise(told);
    this.node = h('div.w-home', {},
      h('div.w-hello', {}, h('h2', {}, told.greeting || s.hello), words && h('p', {}, words)),
      h('div.w-cards', {}, this.resume, this.form, this.ways()));
  }

  reach(about) {
    this.name = h('input', { id: 'w-name', autocomplete: 'name', maxlength: '200', value: about.name ?? '' });
    this.contact = h('input', { id: 'w-contact', inputmode: 'email', autocomplete: 'email', maxlength: '320', 'aria-describedby': 'w-consent', value: about.contact ?? '' });
    this.agree = h('input', { type: 'checkbox' });
    this.agree.checked = Boolean(about.consent);
    this.error = h('p.w-error', { role: 'alert', hidden: true }, s.consentMissing);
    return h('div.w-card', { role: 'group', 'aria-label': s.reachTitle },
      h('h3', {}, s.reachTitle),
      h('label', { for: 'w-name' }, s.name), h('div.w-field', {}, this.name),
      h('label', { for: 'w-contact' }, s.contact), h('div.w-field', {}, this.contact),
      h('label.w-consent', { id: 'w-consent' }, this.agree, h('span', {}, this.words, ' ', this.policy())), this.error);
  }

  policy() {
    return /^https?:/.test(this.told.policy) && h('a', { href: this.told.policy, target: '_blank', rel: 'noopener noreferrer' }, s.policy);
  }

  ways() {
    const found = safeWays(this.told);
    if (!found.length && !this.call) return null;
    const call = this.call && h('li', {}, h('button', { type: 'button', onclick: this.call }, icon('phone-incoming'), h('span', {}, s.callMe))); // @icons phone-incoming
    return h('nav.w-card', { 'aria-label': s.otherWays }, h('h3', {}, s.otherWays),
      h('ul.w-links', {}, ...found.map((way) =>
        h('li', {}, h('a', { href: way.href, target: '_blank', rel: 'noopener' }, icon(SIGNS[way.kind]), h('span', {}, WORDS[way.kind]), h('small', {}, way.label)))), call));
  }

  /** What they say of themselves; null while the consent to it is missing. */
  said() {
    const contact = this.contact.value.trim();
    this.error.hidden = !contact || this.agree.checked;
    if (!this.error.hidden) {
      this.agree.focus();
      return null;
    }
    return { name: this.name.value.trim(), contact, consent: contact ? this.words : '' };
  }
}
