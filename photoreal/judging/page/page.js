'use strict';
const data = JSON.parse(document.getElementById('data').textContent);
const at = id => document.getElementById(id);
const all = selector => [...document.querySelectorAll(selector)];
const store = `photoreal vote ${data.id}`;
let state = {viewer: '', place: 0, answers: {}};
let shownAt = 0;

function keep() {
  try { localStorage.setItem(store, JSON.stringify(state)); } catch { /* private windows have no storage */ }
}

function restore() {
  try { state = {...state, ...JSON.parse(localStorage.getItem(store))}; } catch { /* nothing kept, or damaged */ }
}

function show(id) {
  for (const part of all('main')) part.hidden = part.id !== id;
}

function answer() {
  const {pair} = data.pairs[state.place];
  return state.answers[pair] ??= {pair, choice: null, confidence: null, faults: {left: '', right: ''}, seconds: 0};
}

function isWhole(one) {
  return Boolean(one && one.choice && one.confidence);
}

function medium(index) {
  const content = at(`media-${index}`).textContent;
  if (data.kind === 'image/webp') {
    const image = new Image();
    image.src = `data:image/webp;base64,${content}`;
    image.alt = 'Two versions of one scene, side by side';
    return image;
  }
  const video = document.createElement('video');
  const bytes = Uint8Array.from(atob(content), letter => letter.charCodeAt(0));
  video.src = URL.createObjectURL(new Blob([bytes], {type: data.kind}));
  Object.assign(video, {loop: true, muted: true, autoplay: true, playsInline: true});
  return video;
}

function showPair() {
  show('vote');
  at('stage').classList.remove('original');
  const before = at('stage').firstChild;
  at('stage').replaceChildren(medium(state.place));
  if (before?.src?.startsWith('blob:')) URL.revokeObjectURL(before.src);
  at('progress').textContent = `${state.place + 1} of ${data.pairs.length}`;
  at('left').value = answer().faults.left;
  at('right').value = answer().faults.right;
  at('back').disabled = state.place === 0;
  shownAt = performance.now();
  mark();
}

function mark() {
  const now = answer();
  for (const button of all('[data-choice]')) button.setAttribute('aria-pressed', button.dataset.choice === now.choice);
  for (const button of all('[data-confidence]')) {
    button.setAttribute('aria-pressed', Number(button.dataset.confidence) === now.confidence);
  }
  at('next').disabled = !isWhole(now);
  keep();
}

function set(part, value) {
  answer()[part] = value;
  mark();
}

function go(step) {
  if (step > 0 && !isWhole(answer()) || state.place + step < 0) return;
  answer().seconds += Math.round((performance.now() - shownAt) / 100) / 10;
  state.place += step;
  if (state.place < data.pairs.length) showPair();
  else {
    show('end');
    at('save').focus();
    keep();
  }
}

function begin() {
  state.viewer = at('viewer').value.trim();
  document.activeElement.blur();
  if (state.place >= data.pairs.length) show('end');
  else showPair();
}

function save() {
  const {question, pairs} = data;
  const answers = Object.values(state.answers).filter(isWhole);
  const text = JSON.stringify({viewer: state.viewer || undefined, question, pairs, answers}, null, 2);
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([text], {type: 'application/json'}));
  link.download = `vote-${state.viewer.replace(/[^\p{L}\p{N}]+/gu, '-') || 'anonymous'}.json`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

const KEYS = {
  ArrowLeft: () => set('choice', 'left'),
  ArrowRight: () => set('choice', 'right'),
  ArrowDown: () => set('choice', 'same'),
  1: () => set('confidence', 1),
  2: () => set('confidence', 2),
  3: () => set('confidence', 3),
  l: () => at('left').focus(),
  r: () => at('right').focus(),
  Enter: () => go(1),
  Backspace: () => go(-1),
};

document.addEventListener('keydown', event => {
  if (at('vote').hidden || event.ctrlKey || event.altKey || event.metaKey) return;
  if (event.target.matches('input')) {
    if (event.key === 'Escape' || event.key === 'Enter') event.target.blur();
    return;
  }
  const act = KEYS[event.key] ?? KEYS[event.key.toLowerCase()];
  if (!act) return;
  event.preventDefault();
  act();
});
for (const side of ['left', 'right']) {
  at(side).addEventListener('input', () => { answer().faults[side] = at(side).value; keep(); });
}
for (const button of all('[data-choice]')) button.addEventListener('click', () => set('choice', button.dataset.choice));
for (const button of all('[data-confidence]')) {
  button.addEventListener('click', () => set('confidence', Number(button.dataset.confidence)));
}
at('stage').addEventListener('click', () => at('stage').classList.toggle('original'));
at('next').addEventListener('click', () => go(1));
at('back').addEventListener('click', () => go(-1));
at('again').addEventListener('click', () => { state.place = data.pairs.length - 1; showPair(); });
at('begin').addEventListener('click', begin);
at('viewer').addEventListener('keydown', event => { if (event.key === 'Enter') begin(); });
at('save').addEventListener('click', save);

restore();
for (const place of all('.question')) place.textContent = data.question;
at('count').textContent = data.pairs.length;
at('viewer').value = state.viewer;
show('start');
