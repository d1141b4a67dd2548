// How many SMS a text is: as connectors/sms/segments.py counts.
const BASIC = new Set("@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà");
const TWICE = new Set('^{}\\[~]|€\f');

const plain = (text) => text.replace(/[đĐ’“”–—…\u00a0]/g, (c) => ({ đ: 'd', Đ: 'D', '’': "'", '“': '"', '”': '"', '–': '-', '—': '-', '…': '...', '\u00a0': ' ' })[c])
  .normalize('NFD').replace(/\p{M}/gu, '').normalize('NFC');

/** {units, sms} of a text; `bare`: it is sent without diacritics. */
export function counted(text, bare) {
  const said = (bare ? plain(text) : text.normalize('NFC')).trim();
  const gsm = [...said].every((c) => BASIC.has(c) || TWICE.has(c));
  const units = gsm ? [...said].reduce((n, c) => n + (TWICE.has(c) ? 2 : 1), 0) : said.length;
  const [whole, part] = gsm ? [160, 153] : [70, 67];
  return { units, sms: units <= whole ? Number(units > 0) : Math.ceil(units / part) };
}
