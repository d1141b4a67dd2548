// Rich text where the channel can show it: trix is loaded when somebody first asks for it.
import { $, $$ } from './util.js';

let loading;

const editor = (form) => $('trix-editor', form);
const plain = (form) => $('[data-write=reply]', form);

async function enter(form, html) {
  loading ??= Promise.all([import('trix'), style()]);
  await loading;
  if (editor(form)) return editor(form);
  const slot = $('[data-rich]', form);
  slot.innerHTML = '<input type="hidden" id="rich-value"><trix-toolbar id="rich-tools" hidden></trix-toolbar><trix-editor class="hd-text hd-trix" input="rich-value" toolbar="rich-tools"></trix-editor>';
  const box = editor(form);
  box.setAttribute('aria-label', plain(form).getAttribute('aria-label'));
  box.setAttribute('role', 'textbox');
  box.setAttribute('aria-multiline', 'true');
  await new Promise((ready) => (box.editor ? ready() : box.addEventListener('trix-initialize', ready, { once: true })));
  if (html) box.editor.loadHTML(html);
  else box.editor.insertString(plain(form).value);
  slot.hidden = false;
  plain(form).hidden = true;
  box.addEventListener('trix-change', () => {
    plain(form).value = box.editor.getDocument().toString().replace(/\n$/, '');
    plain(form).dispatchEvent(new Event('input', { bubbles: true }));
  });
  box.addEventListener('trix-file-accept', (event) => event.preventDefault()); // files go beside the text
  return box;
}

async function style() {
  if ($('link[data-trix]')) return;
  const link = document.createElement('link');
  link.rel = 'stylesheet';
  link.dataset.trix = '';
  link.href = $('meta[name=hd-trix]')?.content ?? '';
  if (link.href) document.head.append(link);
}

/** What is written in: the plain box, or the editor in its place. `before`: what stands before the cursor; `put` a text
    there, instead of the last `length` characters. */
export function writer(box) {
  const rich = box.hidden && editor(box.form);
  return rich ? inEditor(rich) : inBox(box);
}

function inBox(box) {
  return {
    before: () => box.value.slice(0, box.selectionStart),
    put(text, length = 0) {
      box.focus();
      box.setRangeText(text, box.selectionStart - length, box.selectionEnd, 'end');
      box.dispatchEvent(new Event('input', { bubbles: true }));
    },
  };
}

function inEditor(element) {
  const range = () => element.editor.getSelectedRange();
  return {
    before: () => element.editor.getDocument().toString().slice(0, range()[0]),
    put(text, length = 0) {
      const [from, to] = range();
      element.focus();
      element.editor.setSelectedRange([from - length, to]);
      element.editor.insertString(text);
    },
  };
}

export const rich = {
  active: (form) => Boolean(form && editor(form)),
  html: (form) => (form && editor(form) ? $('#rich-value', form).value : ''),
  focus: (form) => editor(form).focus(),
  leave(form) {
    if (!form || !editor(form)) return;
    $('[data-rich]', form).replaceChildren();
    $('[data-rich]', form).hidden = true;
    plain(form).hidden = false;
  },
  restore: (form, html) => (html && form ? enter(form, html) : undefined),
};

document.addEventListener('click', async (event) => {
  const button = event.target.closest('#composer [data-format]');
  if (!button) return;
  const form = button.closest('form');
  const selection = [plain(form).selectionStart, plain(form).selectionEnd];
  const fresh = !editor(form);
  const box = await enter(form, '');
  if (fresh) box.editor.setSelectedRange(selection);
  const name = button.dataset.format;
  if (name === 'href') {
    const address = prompt(button.getAttribute('aria-label'), 'https://');
    if (address && /^(https?:|mailto:|tel:)/.test(address)) {
      if (selection[0] === selection[1] && fresh) box.editor.insertString(address);
      box.editor.activateAttribute('href', address);
    }
  } else if (box.editor.attributeIsActive(name)) box.editor.deactivateAttribute(name);
  else box.editor.activateAttribute(name);
  box.focus();
  for (const other of $$('[data-format]', form)) other.setAttribute('aria-pressed', String(box.editor.attributeIsActive(other.dataset.format)));
});
