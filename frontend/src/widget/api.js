// Requests to the desk. The token travels in a header; cookies stay at home.
import { lang } from './strings.js';

export class Problem extends Error {
  constructor(status, body, retryAfterS) {
    super(body?.detail ?? `HTTP ${status}`);
    this.status = status;
    this.retryAfterS = retryAfterS;
  }

  /** Trying the same again later can help: no connection (0), too fast, or the desk is busy. */
  get passing() {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

export class Api {
  constructor(base, store) {
    this.base = base;
    this.store = store;
  }

  get token() {
    return this.store.get('token');
  }

  async ask(path, { method = 'GET', json, form, blob = false } = {}) {
    const headers = { Accept: 'application/json', 'Accept-Language': lang };
    if (this.token) headers.Authorization = `Bearer ${this.token}`;
    if (json) headers['Content-Type'] = 'application/json';
    let response;
    try {
      response = await fetch(`${this.base}${path}`, {
        method, headers, body: json ? JSON.stringify(json) : form, credentials: 'omit', cache: 'no-store',
        signal: AbortSignal.timeout(form ? 120_000 : 20_000),
      });
    } catch {
      throw new Problem(0);
    }
    if (!response.ok) {
      const body = await response.json().catch(() => null);
      throw new Problem(response.status, body, Number(response.headers.get('Retry-After')) || 0);
    }
    if (response.status === 204) return null;
    return blob ? response.blob() : response.json();
  }

  post(path, json) {
    return this.ask(path, { method: 'POST', json });
  }
}
