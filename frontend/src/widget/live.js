// Doorbells: a socket while it can be had, short requests while it cannot.
import { io } from 'socket.io-client';

const POLL_MS = 4000;
const CLOSED_EVERY = 5; // a closed chat asks every fifth time
const TYPING_EVERY_MS = 3000;
const TYPING_LASTS_MS = 25_000; // the desk repeats it every 20 s, and says when it is over

export class Live {
  /** acts: fetch(), typing(name | null), seen(), newest() -> id, seenUpTo() -> id, isOpen() -> bool, lost() */
  constructor(key, api, acts) {
    Object.assign(this, { key, api, acts, socket: null, typedAt: 0 });
    this.poll();
  }

  get connected() {
    return this.socket?.connected ?? false;
  }

  /** With the token there is now; without one nothing is connected. */
  restart() {
    this.socket?.disconnect();
    this.socket = null;
    if (!this.api.token) return;
    const socket = io(`${location.origin}/widget`, {
      transports: ['websocket'], auth: { key: this.key, token: this.api.token }, forceNew: true,
      reconnectionDelay: 1000, reconnectionDelayMax: 15_000, randomizationFactor: 0.5,
    });
    socket.on('connect', () => {
      this.hello();
      this.acts.fetch();
      if (this.acts.seenUpTo()) this.read(this.acts.seenUpTo()); // a mark that was lost on the way; the desk keeps the first
    });
    socket.on('connect_error', (error) => error.message === 'session ended' && this.acts.fetch());
    socket.on('message', () => this.acts.fetch());
    socket.on('head', ({ id }) => Number(id) > this.acts.newest() && this.acts.fetch());
    socket.on('typing', ({ name, on }) => this.typing(on ? name ?? '' : null));
    socket.on('read', () => this.acts.fetch());
    socket.on('reload', () => this.acts.fetch());
    this.socket = socket;
  }

  hello() {
    this.socket?.emit('hello', { after: this.acts.newest() });
  }

  /** The visitor writes. */
  tellTyping() {
    const now = Date.now();
    if (!this.connected || now - this.typedAt < TYPING_EVERY_MS) return;
    this.typedAt = now;
    this.socket.emit('typing');
  }

  read(message) {
    if (this.connected) this.socket.emit('read', { message });
    else this.api.post('/read', { message }).catch(() => {});
  }

  typing(name) {
    clearTimeout(this.typingTimer);
    this.acts.typing(name);
    if (name !== null) this.typingTimer = setTimeout(() => this.acts.typing(null), TYPING_LASTS_MS);
  }

  /** While there is no socket: ask every few seconds, apart from other visitors. */
  poll(turn = 1) {
    setTimeout(async () => {
      const due = this.acts.isOpen() || turn % CLOSED_EVERY === 0;
      if (due && !this.connected && this.api.token && document.visibilityState === 'visible') await this.acts.fetch();
      this.poll(turn + 1);
    }, POLL_MS * (0.8 + Math.random() * 0.4));
  }
}
