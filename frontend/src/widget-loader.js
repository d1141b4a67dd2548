// The one script on the shop's page: a launcher button, and the chat in an iframe once it is wanted.
// It keeps to the page's Content-Security-Policy: no inline style or script, styles only through the CSSOM.
import { Launcher } from './widget/launcher.js';

const told = self.__helpdeskWidget;
delete self.__helpdeskWidget;
const script = document.currentScript ?? document.querySelector(`script[src*="/widget/${told.key}.js"]`);
const address = new URL(script.src);
const chat = new URL(address.pathname.replace(/\.js$/, '/frame'), address);
const BEEN_HERE = `helpdesk-chat:${told.key}`;
const EVENTS = ['ready', 'open', 'close', 'unread', 'message', 'sent', 'identified', 'error'];

const listeners = new Map(EVENTS.map((name) => [name, new Set()]));
const launchers = new Set(); // the one in use, and those that are saying goodbye
let current = null;
let user = null;

function tell(name, detail) {
  for (const listener of listeners.get(name) ?? []) {
    try {
      listener(detail);
    } catch (error) {
      console.error(error);
    }
  }
}

/** Only that there was a chat, so that its answers can light the badge; who it was stays in the iframe. */
const memory = {
  get been() {
    try {
      return localStorage.getItem(BEEN_HERE) === '1';
    } catch {
      return false;
    }
  },
  set been(yes) {
    try {
      if (yes) localStorage.setItem(BEEN_HERE, '1');
      else localStorage.removeItem(BEEN_HERE);
    } catch { /* a page without storage has no badge before the chat is opened */ }
  },
};

const commands = {
  boot(options) {
    if (current) leave(current, false);
    user = options?.user ?? user;
    const known = { ...options, user };
    current = new Launcher({ told, chat, options: known, tell, onSession: () => { memory.been = true; } });
    launchers.add(current);
    const soon = self.requestIdleCallback ?? ((act) => setTimeout(act, 500));
    const booted = current;
    if (known.user || memory.been) soon(() => launchers.has(booted) && booted.load());
  },
  identify(someone) {
    user = someone;
    current?.identify(someone);
  },
  open: () => current?.show(true),
  close: () => current?.show(false),
  on(name, listener) {
    if (!listeners.has(name)) throw new TypeError(`HelpdeskWidget: there is no event ${name}`);
    listeners.get(name).add(listener);
    return () => listeners.get(name).delete(listener);
  },
  /** The user signed out: the chat forgets them and goes away. */
  shutdown() {
    user = null;
    if (current) leave(current, memory.been || current.loaded);
    memory.been = false;
    current = null;
  },
};

/** Takes the launcher away; where a token may be kept, after the iframe gave it back. */
function leave(launcher, forget) {
  const gone = () => {
    launchers.delete(launcher);
    launcher.remove();
  };
  launcher.hide();
  if (!forget) return gone();
  launcher.forget(gone);
  return setTimeout(gone, 5000);
}

function run(command, ...rest) {
  if (!Object.hasOwn(commands, command)) throw new TypeError(`HelpdeskWidget: there is no command ${command}`);
  return commands[command](...rest);
}

function start() {
  const calls = [...(self.HelpdeskWidget?.q ?? [])].map((call) => [...call]);
  self.HelpdeskWidget = run;
  addEventListener('message', (event) => {
    for (const launcher of launchers) launcher.hear(event);
  });
  if (!calls.some(([command]) => command === 'boot') && script.dataset.boot !== 'manual') {
    commands.boot({ locale: script.dataset.locale });
  }
  for (const call of calls) run(...call);
}

if (document.body) start();
else addEventListener('DOMContentLoaded', start);
