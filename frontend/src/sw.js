// The service worker. It keeps built files (their names change with their content) and one page that says there is no
// connection. Tickets, lists and anything else of the desk always come from the desk: nothing here can be stale.
const { version, files, offline } = self.HD;
const CACHE = `hd-${version}`;

self.addEventListener('install', (event) => {
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll([offline, ...files])).then(() => self.skipWaiting()));
  event.waitUntil(past(event));
});

/** What the page's scripts ask for need not wait until this worker is awake, where the browser can be told so. */
async function past(event) {
  await event.addRoutes?.({ condition: { requestDestination: '' }, source: 'network' }).catch(() => {});
}

self.addEventListener('activate', (event) => {
  const old = caches.keys().then((names) => Promise.all(names.filter((name) => name.startsWith('hd-') && name !== CACHE).map((name) => caches.delete(name))));
  event.waitUntil(old.then(() => self.clients.claim()));
});

self.addEventListener('fetch', (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== 'GET' || url.origin !== location.origin) return;
  if (url.pathname.startsWith('/static/dist/')) event.respondWith(caches.match(request).then((kept) => kept ?? fetch(request)));
  else if (request.mode === 'navigate') event.respondWith(fetch(request).catch(() => caches.match(offline)));
});

self.addEventListener('push', (event) => {
  const told = event.data?.json() ?? {};
  if (!told.title) return;
  event.waitUntil(show(told));
});

/** Not when somebody looks at the desk right now: the page tells it itself. */
async function show(told) {
  const pages = await self.clients.matchAll({ type: 'window' });
  if (navigator.setAppBadge && told.unread) navigator.setAppBadge(told.unread).catch(() => {});
  if (pages.some((page) => page.focused)) return;
  await self.registration.showNotification(told.title, { body: told.body, tag: `notice-${told.id}`, icon: '/app-icon-192.png', badge: '/app-icon-192.png', data: { url: told.url } });
}

self.addEventListener('notificationclick', (event) => {
  event.notification.close();
  const url = new URL(event.notification.data?.url ?? '/', location.origin);
  event.waitUntil(openAt(url.origin === location.origin ? url.href : '/'));
});

async function openAt(url) {
  const [page] = await self.clients.matchAll({ type: 'window' });
  if (!page) return self.clients.openWindow(url);
  await page.focus();
  page.postMessage({ open: url });
}
