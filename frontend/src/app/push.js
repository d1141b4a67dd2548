// This device: installed as an app, woken by push. The service worker (sw.js) shows what comes.
import { $, post, tell, toast, word } from './util.js';

const able = 'serviceWorker' in navigator && window.isSecureContext;
const pushes = able && 'PushManager' in window && 'Notification' in window;

if (able && $('meta[name=hd-agent]')) {
  navigator.serviceWorker.register('/sw.js', { scope: '/' }).catch(() => {});
  navigator.serviceWorker.addEventListener('message', (event) => event.data?.open && location.assign(event.data.open));
}

const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, '+').replace(/_/g, '/')), (c) => c.charCodeAt(0));

async function subscription() {
  const worker = await navigator.serviceWorker.ready;
  return worker.pushManager.getSubscription();
}

async function turnOn() {
  if ((await Notification.requestPermission()) !== 'granted') return void state();
  const key = await post('/me/push/key');
  if (!key.ok) return void tell(key);
  const worker = await navigator.serviceWorker.ready;
  try {
    const made = await worker.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: bytes(key.data.key) });
    const answer = await post('/me/push', { subscription: JSON.stringify(made) });
    if (!answer.ok) tell(answer);
  } catch {
    toast(word('push_failed'), { bad: true });
  }
  state();
}

async function turnOff() {
  const known = await subscription();
  if (known) {
    await post('/me/push/forget', { endpoint: known.endpoint });
    await known.unsubscribe();
  }
  state();
}

async function state() {
  const panel = $('[data-push-panel]');
  if (!panel) return;
  panel.hidden = false;
  const known = pushes ? await subscription() : null;
  const refused = 'Notification' in window && Notification.permission === 'denied';
  $('[data-push-state]').textContent = word(!pushes ? 'push_unable' : refused ? 'push_refused' : known ? 'push_on' : 'push_off');
  $('[data-push-on]').hidden = !pushes || Boolean(known) || refused;
  $('[data-push-off]').hidden = !known;
}

document.addEventListener('click', (event) => {
  if (event.target.closest('[data-push-on]')) turnOn();
  if (event.target.closest('[data-push-off]')) turnOff();
  // The desktop way needs a permission, and browsers want a click for that.
  if (event.target.closest('[data-bell]') && 'Notification' in window && Notification.permission === 'default') Notification.requestPermission().then(state);
});
state();
