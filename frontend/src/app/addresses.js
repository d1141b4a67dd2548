// Addresses in fields: the one that was probably meant, and people on a mail added as Cc, each by a click.
import { $ } from './util.js';

function changed(field) {
  field.dispatchEvent(new Event('input', { bubbles: true }));
  field.focus();
}

document.addEventListener('click', (event) => {
  const meant = event.target.closest('[data-use-address]');
  if (meant) {
    const field = $(`#${meant.closest('[data-addresses-of]').dataset.addressesOf}`);
    field.value = field.value.replace(meant.dataset.insteadOf, () => meant.dataset.useAddress);
    meant.closest('[role=status]').remove();
    changed(field);
  }
  const adder = event.target.closest('[data-cc-add]');
  if (adder && $('#cc')) {
    const there = $('#cc').value.split(/[,;]/).map((one) => one.trim()).filter(Boolean);
    const more = adder.dataset.ccAdd.split(', ').filter((one) => !there.includes(one));
    $('#cc').value = [...there, ...more].join(', ');
    $('#cc-row').hidden = false;
    changed($('#cc'));
  }
});
