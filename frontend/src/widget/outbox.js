// What was written and has not arrived yet. Kept over a reload and shared by tabs; a repeat carries the same id,
// so that the desk stores it once however often it is sent.
import { s } from './strings.js';

const LONGEST_WAIT_MS = 30_000;

/** 128 random bits; crypto.randomUUID exists only on https and localhost. */
export const uid = () => [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('');

export class Outbox {
  /** acts: session() -> promise, about() -> object, sent(item, answer), changed(), failed(problem) */
  constructor(store, api, acts) {
    Object.assign(this, { store, api, acts, busy: false, tries: 0 });
    addEventListener('online', () => this.flush());
  }

  get items() {
    return this.store.get('outbox', []);
  }

  save(items) {
    this.store.set('outbox', items);
    this.acts.changed();
  }

  change(id, values) {
    this.save(this.items.map((item) => (item.id === id ? { ...item, ...values } : item)));
  }

  add(text, attachments) {
    const item = { id: uid(), text, attachments, at: new Date().toISOString(), state: 'sending' };
    this.save([...this.items, item]);
    this.flush();
    return item;
  }

  remove(id) {
    this.save(this.items.filter((item) => item.id !== id));
  }

  retry(id) {
    this.change(id, { state: 'sending', error: '' });
    this.flush();
  }

  /** One after the other, in the order they were written. */
  async flush() {
    if (this.busy) return;
    this.busy = true;
    clearTimeout(this.timer);
    try {
      for (let next = this.next(); next; next = this.next()) await this.post(next);
      this.tries = 0;
    } catch (problem) {
      this.later(problem);
    } finally {
      this.busy = false;
    }
  }

  next() {
    return this.items.find((item) => item.state === 'sending' || item.state === 'waiting');
  }

  async post(item) {
    try {
      await this.acts.session();
      const answer = await this.api.post('/messages', {
        client_msg_id: item.id, text: item.text, attachments: item.attachments.map((file) => file.token), about: this.acts.about(),
      });
      this.change(item.id, { state: 'sent', messageId: answer.id });
      this.acts.sent(item, answer);
    } catch (problem) {
      if (problem.status === 401) await this.acts.lost();
      if (problem.passing || problem.status === 401) throw problem;
      this.change(item.id, { state: 'failed', error: problem.message });
      this.acts.failed(problem);
    }
  }

  later(problem) {
    for (const item of this.items) {
      if (item.state === 'sending') this.change(item.id, { state: 'waiting', error: problem.status === 429 ? s.slow : '' });
    }
    this.tries += 1;
    const wait = problem.retryAfterS ? problem.retryAfterS * 1000 : Math.min(LONGEST_WAIT_MS, 1000 * 2 ** this.tries);
    this.timer = setTimeout(() => this.flush(), problem.status === 401 ? 200 : wait);
  }
}
