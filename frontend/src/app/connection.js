// Settings of a channel: Test connection shows its steps one by one as they are done; unsaved changes are told;
// addresses and tags are copied. Without this module the same buttons work by reloading the page.

async function test(button) {
  const form = button.form;
  const panel = document.querySelector('[data-test-panel]');
  const steps = document.getElementById(button.dataset.testConnection);
  const wait = panel.querySelector('[data-test-wait]');
  const lost = panel.querySelector('[data-test-lost]');
  const clock = panel.querySelector('[data-test-time]');
  const began = Date.now();
  panel.hidden = wait.hidden = false;
  lost.hidden = true;
  steps.replaceChildren();
  panel.scrollIntoView({ block: 'nearest' });
  button.disabled = true;
  try {
    const answer = await fetch(button.formAction, { method: 'POST', body: new FormData(form), headers: { 'X-Live': '1' } });
    if (!answer.ok) throw new Error(String(answer.status));
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let text = '';
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      text += value;
      if (text.includes('</li>')) {
        const end = text.lastIndexOf('</li>') + 5;
        steps.insertAdjacentHTML('beforeend', text.slice(0, end));
        text = text.slice(end);
      }
    }
  } catch {
    lost.hidden = false;
  }
  wait.hidden = true;
  if (steps.querySelector('.is-bad')) button.closest('details')?.setAttribute('open', ''); // what to mend is in there
  button.disabled = false;
  clock.textContent = `${new Date().toLocaleTimeString(document.documentElement.lang, { hourCycle: 'h23' })} · ${Math.round((Date.now() - began) / 1000)} s`;
}

// What a failed step proposes goes into the form, and the test begins anew.
function use(button) {
  const form = button.form;
  for (const [name, value] of Object.entries(JSON.parse(button.value))) {
    const field = form.elements[`s.${name}`];
    if (field) {
      field.value = value;
      field.dispatchEvent(new Event('input', { bubbles: true }));
    }
  }
  const again = form.querySelector('[data-test-connection]');
  if (!again.disabled) test(again);
}

document.addEventListener('click', (event) => {
  const button = event.target.closest('[data-test-connection]');
  if (button) {
    event.preventDefault();
    if (!button.disabled) test(button);
  }
  const fix = event.target.closest('[data-fix]');
  if (fix) {
    event.preventDefault();
    use(fix);
  }
  const copy = event.target.closest('[data-copy]');
  if (copy) {
    const source = document.getElementById(copy.dataset.copy);
    source.select();
    navigator.clipboard?.writeText(source.value);
  }
});

document.addEventListener('input', (event) => {
  const told = event.target.form?.querySelector('[data-unsaved]');
  if (told) told.textContent = told.dataset.unsaved;
});

// In the first run what was just connected is tried by itself.
document.querySelectorAll('[data-test-now]').forEach(test);

// Coming back from giving access: the press that ends it is made by itself.
document.querySelector('form[data-finish]')?.requestSubmit();

// On a narrow page the navigation is a row: the present page is brought into view.
document.querySelector('.hd-settings-nav [aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'center' });
