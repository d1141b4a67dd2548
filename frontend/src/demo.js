// The demo's pages: parts that refresh themselves, and a chat that keeps its end in sight.
(() => {
  const EVERY_MS = 1500;

  function toEnd(part) {
    part.scrollTop = part.scrollHeight;
  }

  async function refresh(holder) {
    const response = await fetch(holder.dataset.poll, { headers: { Accept: 'text/html' } });
    if (!response.ok) return;
    const found = new DOMParser().parseFromString(await response.text(), 'text/html').querySelector(holder.dataset.pollPart);
    const shown = holder.querySelector(holder.dataset.pollPart);
    if (!found || !shown) return;
    const bare = (html) => html.replace(/name="csrf_token" value="[^"]*"/g, '');
    if (bare(found.innerHTML) === bare(shown.innerHTML)) return;
    if (shown.contains(document.activeElement) && document.activeElement.matches('button, a')) document.activeElement.blur();
    shown.replaceWith(found);
    if ('pollEnd' in holder.dataset) toEnd(found);
  }

  document.querySelector('.hd-demo-bar nav [aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'center' });

  for (const holder of document.querySelectorAll('[data-poll]')) {
    if ('pollEnd' in holder.dataset) toEnd(holder.querySelector(holder.dataset.pollPart));
    let busy = false;
    setInterval(async () => {
      if (busy || document.hidden) return;
      busy = true;
      await refresh(holder).catch(() => {});
      busy = false;
    }, EVERY_MS);
  }
})();
