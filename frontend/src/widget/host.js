// The chat's side of talking with the page it is shown on. Only that page is heard, and only it is told.
function pageOrigin() {
  if (window.parent === window) return '';
  const known = location.ancestorOrigins?.[0];
  if (known) return known;
  try { // browsers without ancestorOrigins: what the loader says; frame-ancestors decided already who may embed us
    return new URL(decodeURIComponent(location.hash.slice(1))).origin;
  } catch {
    return '';
  }
}

export class Host {
  constructor(key) {
    this.key = key;
    this.origin = pageOrigin();
    this.acts = {};
    addEventListener('message', (event) => this.hear(event));
  }

  get embedded() {
    return this.origin !== '' && this.origin !== 'null';
  }

  hear(event) {
    if (!this.embedded || event.source !== window.parent || event.origin !== this.origin) return;
    const { data } = event;
    if (data?.helpdesk === this.key && Object.hasOwn(this.acts, data.type)) this.acts[data.type](data);
  }

  send(type, detail = {}) {
    if (this.embedded) window.parent.postMessage({ helpdesk: this.key, type, ...detail }, this.origin);
  }

  event(name, detail) {
    this.send('event', { name, detail });
  }
}
