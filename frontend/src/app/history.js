// Back and forward: the list and the ticket an address names, as they were.
import { show } from './list.js';
import { close, open } from './thread.js';
import { $ } from './util.js';

addEventListener('popstate', async () => {
  if (!$('#pane')) return;
  const query = location.search.slice(1) || 'view=needs_reply';
  const list = $('#list').dataset;
  if (query !== list.query && query !== list.openQuery) await show(query, { push: false });
  const number = location.pathname.match(/^\/tickets\/(\d+)/)?.[1];
  if (number === $('#ticket')?.dataset.ticket) return; // only a place on the page was named
  number ? open(number, { push: false, hash: location.hash }) : close({ push: false });
});
