// Puts the web form where its script tag stands. Styles only by CSSOM, so that it works under a strict policy.
(() => {
  const script = document.currentScript;
  const known = self.__helpdeskForm;
  if (!script || !known) return;
  const base = new URL(script.src);
  const address = new URL(`/f/${known.key}`, base);
  address.searchParams.set('embed', '1');
  address.searchParams.set('page', location.href.slice(0, 1000));
  if (script.dataset.lang) address.searchParams.set('lang', script.dataset.lang);
  const frame = document.createElement('iframe');
  frame.src = address.href;
  frame.title = script.dataset.title || 'Form';
  frame.loading = 'lazy';
  Object.assign(frame.style, { width: '100%', border: '0', height: '560px', colorScheme: 'normal' });
  addEventListener('message', (event) => {
    if (event.source !== frame.contentWindow || event.origin !== base.origin || !event.data?.helpdeskForm) return;
    const height = Number(event.data.height);
    if (height > 0 && height < 5000) frame.style.height = `${height}px`;
  });
  script.after(frame);
})();
