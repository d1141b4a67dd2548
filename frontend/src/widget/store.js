// What this browser keeps: the token, what was written and not sent yet, a draft, the read mark.
// In the iframe's own (partitioned) storage; in memory where storage throws, and then the panel says so.
export class Store {
  constructor(key) {
    this.prefix = `helpdesk:${key}:`;
    this.memory = new Map();
    this.durable = true;
    try {
      localStorage.setItem(`${this.prefix}probe`, '1');
      localStorage.removeItem(`${this.prefix}probe`);
    } catch {
      this.durable = false;
    }
  }

  get(name, otherwise = null) {
    const text = this.durable ? localStorage.getItem(this.prefix + name) : this.memory.get(name);
    if (text == null) return otherwise;
    try {
      return JSON.parse(text);
    } catch {
      return otherwise;
    }
  }

  set(name, value) {
    const text = JSON.stringify(value);
    try {
      if (this.durable) localStorage.setItem(this.prefix + name, text);
      else this.memory.set(name, text);
    } catch { // full: keep it for as long as the page lives
      this.memory.set(name, text);
    }
  }

  drop(name) {
    this.memory.delete(name);
    if (this.durable) localStorage.removeItem(this.prefix + name);
  }

  clear() {
    for (const name of ['token', 'outbox', 'draft', 'read', 'about', 'agreed']) this.drop(name);
  }

  /** Another tab changed something. */
  onChange(act) {
    addEventListener('storage', (event) => {
      if (event.key?.startsWith(this.prefix)) act(event.key.slice(this.prefix.length));
    });
  }
}
