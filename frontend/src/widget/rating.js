// The survey's question, in place: one tap chooses, only Send records.
import { h, icon } from './dom.js';
import { s } from './strings.js';

const FACES = ['mood-cry', 'mood-sad', 'mood-empty', 'mood-smile', 'mood-happy']; // @icons mood-cry mood-sad mood-empty mood-smile mood-happy
const ASK_WHY_UP_TO = 3;

export function ratingCard(message, rate) {
  if (message.survey.state === 'answered') return thanks(message.survey.score);
  if (message.survey.state !== 'open') return h('div.w-msg.them', {}, message.text);
  return form(message, rate);
}

function thanks(score) {
  const words = score > ASK_WHY_UP_TO ? s.thanksGood : s.thanksBad;
  return h('div.w-rate.is-done', {}, icon(FACES[score - 1]), h('strong', {}, s.rated(s.scale[score - 1])), h('span', {}, words));
}

function form(message, rate) {
  const why = reasons(message.id);
  const error = h('p.w-error', { role: 'alert', hidden: true }, s.choose);
  const faces = FACES.map((face, at) =>
    h('label', {}, h('input', { type: 'radio', name: `rate-${message.id}`, value: String(at + 1) }), icon(face), s.scale[at]));
  const comment = h('textarea', { rows: '2', maxlength: '5000', 'aria-label': s.comment, placeholder: s.comment });
  const send = h('button.w-btn', { type: 'submit' }, s.send);
  const group = h('fieldset.w-rate', {}, h('legend', {}, s.rate), h('p.w-ask', {}, message.text), h('div.w-faces', {}, ...faces), why, comment, error, send);
  const node = h('form', { novalidate: true }, group);
  const score = () => Number(new FormData(node).get(`rate-${message.id}`) ?? 0);
  node.addEventListener('change', () => {
    why.hidden = !(score() && score() <= ASK_WHY_UP_TO);
    error.hidden = true;
    send.scrollIntoView({ block: 'nearest' });
  });
  node.addEventListener('submit', async (event) => {
    event.preventDefault();
    error.hidden = score() > 0;
    error.textContent = s.choose;
    if (!score()) return;
    send.disabled = true;
    const reason = why.hidden ? '' : new FormData(node).get(`why-${message.id}`) ?? '';
    try {
      await rate({ score: score(), reason, comment: comment.value.trim() });
    } catch (problem) {
      error.textContent = `${s.notSent} ${problem.status ? problem.message : s.waiting}`;
      error.hidden = false;
      send.disabled = false;
    }
  });
  return node;
}

function reasons(id) {
  const choices = Object.entries(s.reasons).map(([code, label]) =>
    h('label', {}, h('input', { type: 'radio', name: `why-${id}`, value: code }), label));
  return h('div.w-why', { role: 'group', 'aria-label': s.why, hidden: true }, h('span', {}, s.why), ...choices);
}
