// The chat inside the iframe (or as a page of its own). The desk's answers are the truth; this only shows them.
import { Api } from './widget/api.js';
import { Composer } from './widget/composer.js';
import { h, icon, initials } from './widget/dom.js';
import { Home, stateLine } from './widget/home.js';
import { Host } from './widget/host.js';
import { Live } from './widget/live.js';
import { Outbox } from './widget/outbox.js';
import { Store } from './widget/store.js';
import { all, lang, s } from './widget/strings.js';
import { Thread } from './widget/thread.js';
import { Wishes } from './widget/wishes.js';

const told = JSON.parse(document.body.dataset.told);

class Chat {
  constructor() {
    this.store = new Store(told.key);
    this.api = new Api(told.base, this.store);
    this.host = new Host(told.key);
    this.items = new Map();
    Object.assign(this, { cursor: null, seenSeq: 0, open: told.standalone || !this.host.embedded, page: {}, attributes: {}, verified: false, urls: new Map() });
    this.about = this.store.get('about', {});
    this.outbox = new Outbox(this.store, this.api, {
      session: () => this.session(), about: () => this.tellAbout(), changed: () => this.draw(), lost: () => this.lost(),
      sent: (item, answer) => this.sent(item, answer), failed: (problem) => this.host.event('error', { status: problem.status, detail: problem.message }),
    });
    this.build();
    this.live = new Live(told.key, this.api, {
      fetch: () => this.fetch(), typing: (name) => this.thread.typing(name), newest: () => this.newest, seenUpTo: () => this.store.get('read', 0), isOpen: () => this.open,
    });
    this.listen();
    this.start();
  }

  // --- the page --------------------------------------------------------------------------------------------------

  build() {
    const root = document.documentElement.style;
    const { light, on_light: onLight, dark, on_dark: onDark } = told.colours;
    root.setProperty('--w-brand', `light-dark(${light}, ${dark})`);
    root.setProperty('--w-on-brand', `light-dark(${onLight}, ${onDark})`);
    this.title = h('strong');
    this.line = h('small');
    this.back = h('button', { type: 'button', 'aria-label': s.back, onclick: () => this.view('home') }, icon('chevron-left'));
    this.closeButton = h('button', { type: 'button', 'aria-label': s.close, onclick: () => this.close() }, icon('x'));
    const logo = h('span.w-logo', { 'aria-hidden': 'true' }, told.logo ? h('img', { src: told.logo, alt: '' }) : initials(told.name));
    this.head = h('header.w-head', {}, this.back, logo, h('span.w-who', {}, this.title, this.line), this.closeButton);
    this.bar = h('p.w-bar', { role: 'status', hidden: true });
    this.wishes = new Wishes(told, this.api, {
      session: () => this.session(), about: () => this.tellAbout(), known: () => this.about, reach: (values) => this.reach(values),
      wrote: () => { this.view('chat'); this.live.hello(); this.fetch(); },
    });
    this.home = new Home(told, this.about, { resume: () => this.view('chat'), call: () => { this.view('chat'); this.wishes.openCall(); } });
    this.thread = new Thread(told.name, { rate: (id, answer) => this.rate(id, answer), retry: (id) => this.outbox.retry(id), file: (token) => this.file(token) });
    this.composer = new Composer(told.limits, this.store, {
      send: (text, files) => this.say(text, files), typed: () => this.live.tellTyping(), upload: (file) => this.upload(file), ready: () => this.mayWrite(),
    });
    this.composer.node.append(this.wishes.row);
    this.closeButton.hidden = told.standalone || !this.host.embedded;
    this.main = h('main.w-panel', { 'aria-label': s.chatWith(told.name) }, this.head, this.bar, this.home.node, this.thread.node, this.wishes.node, this.composer.node);
    document.body.append(this.main);
    this.view('home');
  }

  view(name) {
    this.shown = name;
    this.home.node.hidden = name !== 'home';
    this.thread.node.hidden = name !== 'chat';
    this.back.hidden = name !== 'chat';
    this.wishes.row.hidden = name !== 'chat';
    if (name !== 'chat') this.wishes.hide();
    this.home.resume.hidden = !this.items.size && !this.outbox.items.length;
    this.drawHead();
    if (name === 'chat') this.thread.toEnd();
    this.read();
  }

  drawHead() {
    const agent = this.shown === 'chat' ? [...this.items.values()].findLast((m) => m.author.type === 'agent' && m.author.name) : null;
    this.title.textContent = agent?.author.name ?? told.name;
    this.line.textContent = agent && told.hours.open ? s.answersYou : stateLine(told.hours);
  }

  drawBar() {
    const words = !navigator.onLine ? s.offline : !this.store.durable ? s.notKept : told.needs_identity && !this.api.token ? s.signIn : '';
    this.bar.textContent = words;
    this.bar.hidden = !words;
  }

  draw() {
    this.sorted = [...this.items.values()].sort((a, b) => a.seq - b.seq);
    this.thread?.draw({ items: this.sorted, waiting: this.outbox.items, seenSeq: this.seenSeq });
    if (this.home) this.home.resume.hidden = !this.items.size && !this.outbox.items.length;
    if (this.title) this.drawHead();
    this.wishes?.draw({ said: this.items.size > 0, answered: this.sorted.some((m) => m.author.type === 'agent') });
    this.countUnread();
  }

  listen() {
    const { host } = this;
    host.acts.boot = (data) => this.boot(data);
    host.acts.shown = ({ open, page }) => this.onShown(open, page);
    host.acts.page = ({ page }) => { this.page = page ?? this.page; };
    host.acts.identify = ({ user }) => this.identify(user);
    host.acts.forget = () => this.forget();
    addEventListener('keydown', (event) => event.key === 'Escape' && !this.composer.escape() && !this.wishes.escape() && this.close());
    for (const name of ['online', 'offline']) addEventListener(name, () => this.drawBar());
    document.addEventListener('visibilitychange', () => document.visibilityState === 'visible' && this.fetch());
    this.thread.node.addEventListener('scroll', () => this.read(), { passive: true });
    this.store.onChange((name) => this.otherTab(name));
  }

  otherTab(name) {
    if (name === 'token') this.restart();
    else if (name === 'outbox') this.draw();
    else if (name === 'read') this.countUnread();
  }

  // --- beginning and ending ---------------------------------------------------------------------------------------

  async start() {
    this.drawBar();
    this.draw();
    this.host.send('ready');
    if (!this.host.embedded) this.page = { url: location.href, referrer: document.referrer };
    await this.restart();
    if (this.items.size || this.outbox.items.length) this.view('chat');
    if (this.open) this.focus();
    this.outbox.flush();
  }

  async boot({ page, user, attributes, open }) {
    this.page = page ?? {};
    this.attributes = attributes ?? {};
    if (user) await this.identify(user);
    this.onShown(open, page);
  }

  onShown(open, page) {
    this.page = page ?? this.page;
    this.open = open;
    if (!open) return;
    if (this.unread) this.view('chat');
    this.focus();
    this.thread.toEnd();
    this.fetch();
    this.read();
  }

  focus() {
    if (!matchMedia('(pointer: coarse)').matches) this.composer.text.focus(); // no keyboard over half a phone unasked
  }

  close() {
    if (!told.standalone) this.host.send('close');
  }

  async restart() {
    this.items.clear();
    this.cursor = null;
    this.live?.restart();
    await this.fetch();
  }

  /** The desk no longer knows the token: begin anew, keep what waits to be sent. */
  async lost() {
    if (!this.api.token) return;
    this.store.drop('token');
    this.verified = false;
    await this.restart();
    this.draw();
  }

  async forget() {
    this.store.clear(); // first: the page may be left in the next moment
    if (this.api.token) await this.api.post('/end', {}).catch(() => {});
    this.host.send('forgotten');
  }

  /** Begun once, however many files and messages wait for it. */
  session() {
    if (this.api.token) return Promise.resolve();
    this.beginning ??= this.api.post('/session', { about: this.tellAbout() })
      .then(({ token, verified }) => this.keepToken(token, verified))
      .finally(() => { this.beginning = null; });
    return this.beginning;
  }

  keepToken(token, verified) {
    this.verified = verified;
    if (token) {
      this.store.set('token', token);
      this.live.restart();
    }
    this.host.send('session');
    this.drawBar();
  }

  /** Who the site says this is. Only a signature of the site's server opens a history. */
  async identify(user) {
    if (!user || typeof user !== 'object') return;
    if (!user.hash && !this.api.token && !told.needs_identity) {
      this.about = { ...this.about, name: String(user.name ?? ''), contact: this.about.contact };
      this.home.name.value ||= this.about.name;
      return;
    }
    try {
      const { token, verified } = await this.api.post('/identify', { user, about: this.tellAbout() });
      this.keepToken(token, verified);
      if (token) await this.restart();
      this.draw();
      this.host.event('identified', { verified });
    } catch (problem) {
      this.host.event('error', { status: problem.status, detail: problem.message });
    }
  }

  /** They said more of themselves. */
  reach(values) {
    this.about = { ...this.about, ...values };
    this.store.set('about', this.about);
    this.home.contact.value = this.about.contact ?? '';
    this.home.agree.checked = Boolean(this.about.consent);
  }

  tellAbout() {
    const { name, contact, consent } = this.about;
    return { name, contact, consent, locale: lang, page: this.page.url, referrer: this.page.referrer, attributes: this.attributes };
  }

  // --- messages ---------------------------------------------------------------------------------------------------

  get newest() {
    return Math.max(0, ...[...this.items.keys()].map(Number));
  }

  /** What is new, asked for once at a time. */
  async fetch() {
    if (!this.api.token) return;
    if (this.fetching) {
      this.again = true;
      return;
    }
    this.fetching = true;
    try {
      for (let more = true; more;) {
        const found = await this.api.ask(`/messages${this.cursor === null ? '' : `?after=${this.cursor}`}`);
        more = found.more;
        this.took(found);
      }
    } catch (problem) {
      if (problem.status === 401) await this.lost();
    } finally {
      this.fetching = false;
      if (this.again) {
        this.again = false;
        this.fetch();
      }
    }
  }

  took({ items, cursor, seen }) {
    const first = this.cursor === null;
    this.cursor = cursor;
    this.seenSeq = seen;
    for (const item of items) {
      this.items.set(item.id, item);
      if (item.client_msg_id && this.outbox.items.some((waiting) => waiting.id === item.client_msg_id)) this.outbox.remove(item.client_msg_id);
      if (item.direction === 'out') this.thread.typing(null);
      if (!first && item.direction === 'out') this.host.event('message', { id: item.id });
    }
    this.draw();
    this.read();
  }

  mayWrite() {
    const said = this.home.said();
    if (!said) {
      this.view('home');
      return false;
    }
    this.about = { ...this.about, ...said };
    this.store.set('about', this.about);
    return !told.needs_identity || Boolean(this.api.token);
  }

  say(text, files) {
    this.host.send('where');
    this.outbox.add(text, files);
    this.view('chat');
    this.thread.toEnd();
  }

  sent(item, answer) {
    this.host.event('sent', { id: answer.id });
    this.live.hello(); // the first message makes the identity the socket listens for
    this.fetch();
  }

  async rate(id, { score, reason, comment }) {
    await this.api.post('/rating', { message: id, score, reason, comment });
    const message = this.items.get(id);
    this.items.set(id, { ...message, survey: { ...message.survey, state: 'answered', score } });
    this.draw();
  }

  async upload(file) {
    await this.session();
    const form = new FormData();
    form.append('file', file, file.name);
    return this.api.ask('/files', { method: 'POST', form });
  }

  file(token) {
    if (!this.urls.has(token)) {
      const url = this.api.ask(`/files/${encodeURIComponent(token)}`, { blob: true }).then((blob) => URL.createObjectURL(blob));
      url.catch(() => this.urls.delete(token)); // what failed is asked for again
      this.urls.set(token, url);
    }
    return this.urls.get(token);
  }

  // --- what was seen ------------------------------------------------------------------------------------------------

  read() {
    const last = this.sorted?.findLast((m) => m.direction === 'out');
    const visible = this.open && this.shown === 'chat' && document.visibilityState === 'visible' && this.thread.atEnd;
    if (!last || !visible || Number(last.id) <= this.store.get('read', 0)) return;
    this.store.set('read', Number(last.id));
    this.live.read(Number(last.id));
    this.countUnread();
  }

  countUnread() {
    const mark = this.store.get('read', 0);
    this.unread = (this.sorted ?? []).filter((m) => m.direction === 'out' && Number(m.id) > mark).length;
    this.host.send('unread', { count: this.unread });
  }
}

if (!(lang in all)) throw new Error('no such language');
new Chat();
