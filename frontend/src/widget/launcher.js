// The launcher button and the panel with the iframe, in a shadow root on the shop's page.
import { hostWords } from './host-words.js';
import { sheet } from './launcher-style.js';

const FORWARDED = ['message', 'sent', 'identified', 'error'];

function element(name, values = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(values)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function bubble() {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  const path = document.createElementNS(svg.namespaceURI, 'path');
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('aria-hidden', 'true');
  path.setAttribute('d', 'M3 20l1.3 -3.9a9 8 0 1 1 3.4 2.9l-4.7 1');
  svg.append(path);
  return svg;
}

const page = () => ({ url: location.href.split('#')[0], title: document.title, referrer: document.referrer });

export class Launcher {
  constructor({ told, chat, options, tell, onSession }) {
    Object.assign(this, { told, chat, options, tell, onSession, open: false, ready: false, waiting: [], unread: 0 });
    this.locale = this.chooseLocale();
    this.words = hostWords[this.locale];
    this.build();
  }

  /** Said in boot, else fixed for the channel, of the page, of the browser. */
  chooseLocale() {
    const wanted = [this.options.locale, this.told.locale, document.documentElement.lang, navigator.language, this.told.default_locale];
    return wanted.map((w) => (w ?? '').slice(0, 2).toLowerCase()).find((w) => w in hostWords) ?? 'en';
  }

  build() {
    const { words, told } = this;
    this.host = element('div', { lang: this.locale });
    const root = this.host.attachShadow({ mode: 'open' });
    root.adoptedStyleSheets = [sheet(told.colours)];
    this.badge = element('b');
    this.button = element('button', { type: 'button', class: 'launch', 'aria-expanded': 'false' }, bubble(), element('span', {}, told.button || words.help), this.badge);
    this.button.addEventListener('click', () => this.show(true));
    this.panel = element('div', { class: 'panel', role: 'dialog', 'aria-label': words.chatWith(told.name), hidden: '' });
    root.addEventListener('keydown', (event) => event.key === 'Escape' && this.show(false));
    root.append(this.button, this.panel);
    document.body.append(this.host);
    this.count(0);
  }

  count(unread) {
    this.unread = unread;
    this.badge.hidden = !unread;
    this.badge.textContent = unread > 99 ? '99+' : String(unread);
    this.button.setAttribute('aria-label', unread ? this.words.openUnread(unread) : this.words.open);
  }

  get loaded() {
    return this.iframe !== undefined;
  }

  load() {
    if (this.loaded) return;
    const from = new URL(this.chat);
    from.searchParams.set('lang', this.locale);
    from.hash = encodeURIComponent(location.origin); // whom the chat may talk to; it checks
    this.iframe = element('iframe', {
      src: from.href, title: this.words.chatWith(this.told.name), allow: 'clipboard-write', referrerpolicy: 'origin',
    });
    this.panel.append(this.iframe);
  }

  show(open) {
    if (open === this.open) return;
    this.open = open;
    if (open) this.load();
    this.panel.hidden = !open;
    this.button.hidden = open;
    this.button.setAttribute('aria-expanded', String(open));
    if (this.ready) this.send('shown', { open, page: page() });
    if (open) this.iframe.focus();
    else this.button.focus();
    this.tell(open ? 'open' : 'close');
  }

  identify(user) {
    this.options.user = user;
    this.load();
    if (this.ready) this.send('identify', { user });
  }

  hide() {
    this.host.hidden = true;
    this.panel.hidden = this.button.hidden = true;
  }

  /** Let the iframe end the session and forget its token; then `done`. */
  forget(done) {
    this.done = done;
    this.load();
    if (this.ready) this.send('forget');
    else this.options = { forget: true };
  }

  remove() {
    this.host.remove();
  }

  // --- talking with the iframe: both ends check who speaks -------------------------------------------------------

  send(type, detail = {}) {
    this.iframe.contentWindow.postMessage({ helpdesk: this.told.key, type, ...detail }, this.chat.origin);
  }

  hear(event) {
    const { data } = event;
    if (!this.iframe || event.origin !== this.chat.origin || event.source !== this.iframe.contentWindow) return;
    if (data?.helpdesk === this.told.key && typeof data.type === 'string') this.heard(data);
  }

  heard({ type, ...detail }) {
    if (type === 'ready') this.greet();
    else if (type === 'close') this.show(false);
    else if (type === 'session') this.onSession();
    else if (type === 'where') this.send('page', { page: page() });
    else if (type === 'forgotten') this.done?.();
    else if (type === 'unread' && Number.isInteger(detail.count) && detail.count !== this.unread) {
      this.count(detail.count);
      this.tell('unread', detail.count);
    } else if (type === 'event' && FORWARDED.includes(detail.name)) this.tell(detail.name, detail.detail);
  }

  greet() {
    this.ready = true;
    if (this.options.forget) {
      this.send('forget');
      return;
    }
    const { user, attributes } = this.options;
    this.send('boot', { page: page(), user, attributes, open: this.open });
    this.tell('ready');
  }
}
