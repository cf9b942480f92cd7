'use strict';
const data = JSON.parse(document.getElementById('data').textContent);
const main = document.getElementById('main');

/** An element with attributes, listeners (`onclick`), and children. Text never becomes HTML. */
function make(tag, attributes = {}, ...children) {
  const svg = ['svg', 'path', 'line', 'text', 'circle', 'g', 'rect'].includes(tag);
  const element = svg ? document.createElementNS('http://www.w3.org/2000/svg', tag) : document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith('on')) element.addEventListener(key.slice(2), value);
    else if (value !== null && value !== undefined) element.setAttribute(key, value);
  }
  element.append(...children.flat(Infinity).filter(child => child !== null));
  return element;
}
const color = series => series.color < 0 ? 'var(--reference)' : `var(--c${series.color % 8})`;
const isNumber = value => typeof value === 'number';

function format(value) {
  if (!isNumber(value)) return '–';
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e6)) return value.toExponential(2).replace(/\.?0*e\+?/, 'e');
  return String(Number(value.toPrecision(4)));
}

function section(id, title, ...children) {
  if (!children.flat(Infinity).some(child => child)) return;
  main.append(make('section', {id}, make('h2', {}, title), children));
  document.getElementById('nav').append(make('a', {href: `#${id}`}, title));
}

// Charts ---------------------------------------------------------------------------------------------------------

function linearTicks(low, high, count) {
  const rough = (high - low) / count, power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map(factor => factor * power).find(size => size >= rough);
  const ticks = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++) ticks.push(i * step);
  return ticks;
}

/** Tick labels with as many digits as their distance needs. */
function tickText(tick, ticks, log) {
  const step = Math.abs(ticks[1] - ticks[0]);
  if (log || !(step > 0) || step < 1e-5 || step >= 1e5) return format(tick);
  return tick.toFixed(Math.max(0, -Math.floor(Math.log10(step) + 1e-9)));
}

function logTicks(low, high) {
  const ticks = [], decades = Math.log10(high / low);
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++) {
    for (const factor of decades > 2.5 ? [1] : [1, 2, 5]) ticks.push(factor * 10 ** power);
  }
  const inside = ticks.filter(tick => tick >= low * 0.999 && tick <= high * 1.001);
  return inside.length > 7 ? inside.filter((_, i) => i % Math.ceil(inside.length / 7) === 0) : inside;
}

/** A running mean over a 25th of a long curve. */
function smooth(y) {
  const reach = Math.floor(y.length / 50);
  return y.map((_, i) => {
    const near = y.slice(Math.max(0, i - reach), i + reach + 1).filter(isNumber);
    return near.length ? near.reduce((a, b) => a + b) / near.length : null;
  });
}

function nearest(x, wanted) {
  let low = 0, high = x.length - 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (x[middle] > wanted) high = middle; else low = middle;
  }
  return Math.abs(x[low] - wanted) <= Math.abs(x[high] - wanted) ? low : high;
}

/** Draw a chart. `seek(x)` is called on a click; the returned element has `mark(x)`, which shows a position. */
function chart(spec, seek = null) {
  const hidden = new Set();
  const svg = make('svg', {role: 'img', 'aria-label': spec.title});
  const tip = make('div', {class: 'tip', hidden: ''});
  const figure = make('figure', {class: 'chart'}, make('figcaption', {}, spec.title), svg, tip);
  let scaleX = null, now = null;

  function draw() {
    const width = figure.clientWidth, height = 210;
    if (!width) return;
    const shown = spec.series.filter(series => !hidden.has(series.name));
    const xs = shown.flatMap(series => series.x);
    let ys = shown.flatMap(series => series.y).filter(isNumber);
    const log = spec.log && ys.some(y => y > 0);
    if (log) ys = ys.filter(y => y > 0);
    else if (ys.length) ys = ys.concat(spec.lines.map(line => line.y));
    svg.replaceChildren();
    svg.setAttribute('viewBox', `0 0 ${width} ${height}`);
    svg.setAttribute('height', height);
    if (!ys.length) { svg.append(make('text', {x: 8, y: 24}, 'no values')); return; }
    let [left, right] = [Math.min(...xs), Math.max(...xs)];
    let [low, high] = [Math.min(...ys), Math.max(...ys)];
    if (left === right) { left -= 1; right += 1; }
    const pad = (high - low) * 0.06 || Math.abs(high) * 0.05 || 1;
    if (!log) { low = low >= 0 && low - pad < 0 ? 0 : low - pad; high += pad; }
    else if (low === high) { low /= 2; high *= 2; }
    const ticks = log ? logTicks(low, high) : linearTicks(low, high, 5);
    const margin = {left: 12 + 6.2 * Math.max(...ticks.map(tick => tickText(tick, ticks, log).length)), right: 10, top: 8, bottom: 24};
    const inner = width - margin.left - margin.right;
    const X = x => margin.left + (x - left) / (right - left) * inner;
    const part = log ? y => Math.log(y / low) / Math.log(high / low) : y => (y - low) / (high - low);
    const Y = y => height - margin.bottom - part(y) * (height - margin.top - margin.bottom);
    scaleX = {X, back: pixel => left + (pixel - margin.left) / inner * (right - left)};

    for (const tick of ticks) {
      svg.append(make('line', {class: 'rule', x1: margin.left, x2: width - margin.right, y1: Y(tick), y2: Y(tick)}));
      svg.append(make('text', {x: margin.left - 6, y: Y(tick) + 4, 'text-anchor': 'end'}, tickText(tick, ticks, log)));
    }
    const across = linearTicks(left, right, Math.max(2, Math.min(6, inner / 80))).filter(Number.isInteger);
    for (const tick of across) {
      const edge = X(tick) > width - 24 ? 'end' : 'middle';
      svg.append(make('text', {x: X(tick), y: height - 7, 'text-anchor': edge}, String(tick)));
    }
    for (const line of log ? [] : spec.lines) {
      svg.append(make('line', {class: 'limit', x1: margin.left, x2: width - margin.right, y1: Y(line.y), y2: Y(line.y)}));
    }
    const path = (series, y) => {
      let pen = false, d = '';
      y.forEach((value, i) => {
        const ok = isNumber(value) && (!log || value > 0);
        if (ok) d += `${pen ? 'L' : 'M'}${X(series.x[i]).toFixed(1)},${Y(value).toFixed(1)}`;
        pen = ok;
      });
      return d;
    };
    for (const series of shown) {
      const style = `stroke:${color(series)}` + (series.dashed ? ';stroke-dasharray:5 4' : '');
      const long = spec.across === 'iteration' && series.x.length >= 50;
      if (long) svg.append(make('path', {class: 'raw', style, d: path(series, series.y)}));
      svg.append(make('path', {style, d: path(series, long ? smooth(series.y) : series.y)}));
      if (series.dots) series.x.forEach((x, i) => isNumber(series.y[i]) && (!log || series.y[i] > 0) && svg.append(
        make('circle', {cx: X(x), cy: Y(series.y[i]), r: 3, style: `fill:${color(series)}`})));
    }
    for (const line of log ? [] : spec.lines) {
      svg.append(make('text', {class: 'name', x: margin.left + 4, y: Y(line.y) - 5}, line.label));
    }
    svg.append(make('line', {class: 'now', y1: margin.top, y2: height - margin.bottom, visibility: 'hidden'}));
    svg.append(make('line', {class: 'cross', y1: margin.top, y2: height - margin.bottom, visibility: 'hidden'}));
    mark(now);
  }

  function vertical(name, x) {
    const line = svg.querySelector(`.${name}`);
    if (!line) return;
    line.setAttribute('visibility', x === null ? 'hidden' : 'visible');
    if (x !== null) { line.setAttribute('x1', scaleX.X(x)); line.setAttribute('x2', scaleX.X(x)); }
  }
  function mark(x) { now = x; vertical('now', x); }
  function leave() { tip.hidden = true; vertical('cross', null); }
  const at = event => scaleX.back(event.clientX - svg.getBoundingClientRect().left);
  svg.addEventListener('pointermove', event => {
    const shown = spec.series.filter(series => series.x.length && !hidden.has(series.name));
    if (!scaleX || !shown.length) return;
    const x = shown[0].x[nearest(shown[0].x, at(event))];
    vertical('cross', x);
    tip.replaceChildren(make('div', {class: 'muted'}, `${spec.across} ${x}`), ...shown.map(series =>
      make('div', {}, make('span', {class: 'key', style: `color:${color(series)}`}),
           `${series.name}  ${format(series.y[nearest(series.x, x)])}`)));
    tip.hidden = false;
    const place = scaleX.X(x) + 14;
    tip.style.left = `${place + tip.offsetWidth > figure.clientWidth ? Math.max(0, place - 28 - tip.offsetWidth) : place}px`;
    tip.style.top = '34px';
  });
  svg.addEventListener('pointerleave', leave);
  if (seek) {
    svg.style.cursor = 'pointer';
    svg.addEventListener('click', event => scaleX && seek(Math.round(at(event))));
  }
  if (spec.series.length > 1) {
    figure.append(make('div', {class: 'legend'}, spec.series.map(series => make('button', {
      type: 'button', 'aria-pressed': 'true', onclick: event => {
        const button = event.currentTarget;
        if (!hidden.delete(series.name)) hidden.add(series.name);
        button.setAttribute('aria-pressed', String(!hidden.has(series.name)));
        leave(); draw();
      },
    }, make('span', {class: 'key', style: `color:${color(series)}`}), series.name))));
  }
  new ResizeObserver(draw).observe(figure);
  figure.mark = mark;
  return figure;
}

const charts = specs => specs.length ? make('div', {class: 'grid'},
  specs.map(spec => make('div', {class: 'card'}, chart(spec)))) : null;

// Player ---------------------------------------------------------------------------------------------------------

function openVideo(id) {
  const text = atob(document.getElementById(`media-${id}`).textContent);
  const bytes = Uint8Array.from(text, letter => letter.charCodeAt(0));
  const video = document.createElement('video');
  Object.assign(video, {muted: true, playsInline: true, loop: true, preload: 'auto'});
  video.src = URL.createObjectURL(new Blob([bytes], {type: 'video/mp4'}));
  return video;
}

/** Both sides are cut from the same decoded frame of one video, so they cannot drift apart. */
function player(spec, onFrame) {
  const {panels, width, height, fps, first, count} = spec;
  const [middle, other] = panels.map((_, i) => i).filter(i => panels[i].startsWith('prediction'));
  const chosen = other ? {left: middle, right: other}
    : middle > 0 ? {left: 0, right: middle} : {left: middle, right: panels.length - 1};
  let split = 0.5, frame = 0, video = null;

  const canvas = make('canvas', {width, height});
  const pen = canvas.getContext('2d');
  const bar = make('div', {class: 'bar'}), tags = {left: make('div', {class: 'tag left'}), right: make('div', {class: 'tag right'})};
  const stage = make('div', {class: 'stage'}, canvas, bar, tags.left, tags.right);
  const play = make('button', {type: 'button', 'aria-label': 'Play', onclick: toggle}, '▶');
  const output = make('output', {});
  const time = make('input', {type: 'range', class: 'frame', min: 0, max: count - 1, value: 0, 'aria-label': 'Frame',
                              oninput: () => seek(time.valueAsNumber)});
  const slider = make('input', {type: 'range', min: 0, max: 1000, value: 500, 'aria-label': 'Before and after',
                                oninput: () => { split = slider.valueAsNumber / 1000; draw(); }});
  const menu = side => make('select', {'aria-label': side === 'left' ? 'Left picture' : 'Right picture',
    onchange: event => { chosen[side] = Number(event.currentTarget.value); draw(); }},
    panels.map((name, i) => make('option', {value: i, selected: i === chosen[side] ? '' : null}, name)));

  function draw() {
    const edge = Math.round(split * width);
    if (video && video.readyState >= 2) {
      if (edge > 0) pen.drawImage(video, chosen.left * width, 0, edge, height, 0, 0, edge, height);
      if (edge < width) pen.drawImage(video, chosen.right * width + edge, 0, width - edge, height, edge, 0, width - edge, height);
    }
    bar.style.left = `${split * 100}%`;
    for (const side of ['left', 'right']) tags[side].textContent = panels[chosen[side]];
    output.textContent = `frame ${first + frame} / ${spec.length - 1}`;
    time.value = frame;
  }
  function show(time) {
    frame = Math.max(0, Math.min(count - 1, Math.floor(time * fps + 1e-3)));
    draw();
    onFrame(first + frame);
  }
  function follow() {
    const next = metadata => { show(metadata ? metadata.mediaTime : video.currentTime); follow(); };
    if (video.requestVideoFrameCallback) video.requestVideoFrameCallback((_, metadata) => next(metadata));
    else requestAnimationFrame(() => next(null));
  }
  function open() {
    if (video) return;
    video = openVideo(spec.id);
    video.addEventListener('loadeddata', () => { if (frame === 0) show(0); else seek(frame); });
    video.addEventListener('seeked', () => show(video.currentTime));
    for (const event of ['play', 'pause']) video.addEventListener(event, () => {
      play.textContent = video.paused ? '▶' : '❚❚';
      play.setAttribute('aria-label', video.paused ? 'Play' : 'Pause');
    });
    video.addEventListener('error', () => { tags.left.textContent = 'this browser cannot play H.264 video'; });
    follow();
  }
  function seek(to) {
    open();
    video.pause();
    frame = Math.max(0, Math.min(count - 1, to));
    video.currentTime = (frame + 0.5) / fps;  // the middle of a frame: rounding cannot reach its neighbour
  }
  function toggle() {
    open();
    if (video.paused) video.play(); else video.pause();
  }
  function drag(event) {
    const box = stage.getBoundingClientRect();
    split = Math.max(0, Math.min(1, (event.clientX - box.left) / box.width));
    slider.value = Math.round(split * 1000);
    draw();
  }
  stage.addEventListener('pointerdown', event => { stage.setPointerCapture(event.pointerId); drag(event); });
  stage.addEventListener('pointermove', event => stage.hasPointerCapture(event.pointerId) && drag(event));
  const observer = new IntersectionObserver(entries => {
    if (entries.some(entry => entry.isIntersecting)) { observer.disconnect(); open(); }
  }, {rootMargin: '300px'});
  observer.observe(stage);
  draw();

  const element = make('div', {class: 'player'}, stage,
    make('div', {class: 'controls'}, play,
         make('button', {type: 'button', 'aria-label': 'Frame before', onclick: () => seek(frame - 1)}, '‹'),
         make('button', {type: 'button', 'aria-label': 'Next frame', onclick: () => seek(frame + 1)}, '›'), time, output),
    make('div', {class: 'controls'}, menu('left'), make('label', {class: 'split'}, slider), menu('right')));
  element.seek = index => seek(index - first);
  return element;
}

function videoCard(card) {
  const plots = card.charts.map(spec => chart(spec, index => screen && screen.seek(index)));
  const screen = card.player ? player(card.player, index => plots.forEach(plot => plot.mark(index))) : null;
  const cut = card.player && card.player.count < card.player.length
    ? `frames ${card.player.first} to ${card.player.first + card.player.count - 1} of ${card.player.length}` : '';
  const jump = still => { if (screen) { screen.seek(still.index); screen.scrollIntoView({block: 'center'}); } };
  return make('article', {class: 'card', id: `video:${card.video}`},
    make('div', {class: 'head'}, make('h3', {}, card.video),
         card.file ? make('p', {class: 'muted small'}, cut ? `${cut} · ` : '', make('a', {href: card.file}, 'whole video (file)')) : null),
    make('div', {class: screen && plots.length ? 'video' : 'video bare'}, screen,
         plots.length ? make('div', {class: screen ? 'side' : 'grid'}, screen ? plots.slice(0, 2) : plots) : null),
    screen && plots.length > 2 ? make('div', {class: 'grid more'}, plots.slice(2)) : null,
    card.stills.length ? [make('h4', {}, `Worst frames (${card.panels.join(' | ')})`),
      make('div', {class: 'stills'}, card.stills.map(still => make('figure', {},
        make('button', {type: 'button', 'aria-label': `Show frame ${still.index}`, onclick: () => jump(still)},
             make('img', {src: still.image, alt: card.panels.join(', '), loading: 'lazy'})),
        make('figcaption', {}, make('b', {}, `Frame ${still.index}`), ` · ${still.reasons.join(', ')}`))))] : null);
}

// Tables ---------------------------------------------------------------------------------------------------------

function metricTable(table) {
  const [main, details] = [false, true].map(detail => table.columns.filter(column => column.detail === detail));
  return make('div', {class: 'card'}, make('h3', {}, table.domain),
    table.rows.length ? make('p', {class: 'muted small'},
      'Worst video first, by its mean rank over the metrics. Click a name to sort by it.') : null,
    sortable(table, main),
    details.length ? make('details', {class: 'small'}, make('summary', {}, 'by class'), sortable(table, details)) : null);
}

function sortable(table, columns) {
  const several = data.runs.length > 1;
  const cards = new Set(data.videos.map(card => card.video));
  const body = make('tbody', {});
  const worst = Object.fromEntries(columns.map(({name, better}) => {
    const values = table.rows.map(row => row.values[name]).filter(isNumber);
    return [name, values.length > 2 && better ? (better === 'more' ? Math.min : Math.max)(...values) : null];
  }));
  const isWorst = (row, name) => isNumber(row.values[name]) && row.values[name] === worst[name];
  const line = (row, mean) => make('tr', {class: mean ? 'mean' : null},
    make('td', {}, cards.has(row.video) ? make('a', {href: `#video:${row.video}`}, row.video) : row.video),
    several ? make('td', {class: 'text'}, row.run) : null,
    columns.map(({name}) => make('td', {class: !mean && isWorst(row, name) ? 'worst' : null}, format(row.values[name]))));
  const fill = rows => body.replaceChildren(...table.means.map(row => line(row, true)), ...rows.map(row => line(row, false)));
  const heads = columns.map(({name, title, better}) => {
    const note = better ? `${better} is better` : name.endsWith('_input') ? 'input' : '';
    const head = make('th', {}, make('button', {type: 'button', title: `sort by ${title}`, onclick: () => {
      const down = head.getAttribute('aria-sort') !== 'descending';
      heads.forEach(other => other.removeAttribute('aria-sort'));
      head.setAttribute('aria-sort', down ? 'descending' : 'ascending');
      const value = row => isNumber(row.values[name]) ? row.values[name] : -Infinity;
      fill([...table.rows].sort((a, b) => (down ? 1 : -1) * (value(b) - value(a))));
    }}, title), make('div', {class: 'small note'}, note));
    return head;
  });
  fill(table.rows);
  return make('div', {class: 'scroll'}, make('table', {},
    make('thead', {}, make('tr', {}, make('th', {}, 'video'), several ? make('th', {class: 'text'}, 'run') : null, heads)), body));
}

function comparisonTable({a, b, rows, left_out}) {
  const signed = value => (value > 0 ? '+' : '') + format(value);
  return make('div', {class: 'card'}, make('h3', {}, `${b} against ${a}`),
    make('p', {class: 'muted small'}, 'Paired by frame, with 95 % intervals by bootstrap over blocks of frames, and over '
      + 'videos for the means. A dash: the difference may be chance.'),
    left_out.length ? make('p', {class: 'muted'}, `Not compared, as the two have different numbers of frames of them: ${left_out.join(', ')}.`) : null,
    !rows.length ? null : make('div', {class: 'scroll'}, make('table', {},
      make('thead', {}, make('tr', {}, ['video', 'metric', a, b, 'difference', '95 % interval', 'better'].map((name, i) =>
        make('th', {class: i < 2 ? 'text' : null}, name)))),
      make('tbody', {}, rows.map(row => make('tr', {class: row.video.includes('/') ? null : 'mean'},
        make('td', {}, row.video.includes('/') ? row.video : `${row.video}: mean`), make('td', {class: 'text'}, row.metric),
        [format(row.a), format(row.b), signed(row.difference), `${signed(row.low)} to ${signed(row.high)}`]
          .map(text => make('td', {}, text)),
        make('td', {class: row.better ? 'better' : null}, {A: a, B: b}[row.better] || '–')))))));
}

function runCard(run, i) {
  const level = state => state === 'healthy' ? 'good' : /^unknown|too /.test(state) ? 'warn' : 'bad';
  return make('div', {class: 'card'},
    make('h3', {}, data.runs.length > 1 ? make('span', {class: 'key', style: `color:var(--c${i % 8})`}) : null, run.name),
    make('dl', {}, run.facts.map(([name, value]) => [make('dt', {}, name), make('dd', {}, value)])),
    run.health ? make('p', {class: `health ${level(run.health.state)}`},
      make('b', {}, `GAN health: ${run.health.state}`), make('span', {}, `${run.health.found} ${run.health.advice}`)) : null);
}

function configTable({runs, rows}) {
  if (!runs.length) return null;
  if (runs.length > 1 && !rows.length) return make('div', {class: 'card'}, make('p', {class: 'muted'}, 'The configs are equal.'));
  const table = make('div', {class: 'scroll'}, make('table', {class: 'config'},
    make('thead', {}, make('tr', {}, make('th', {}, 'key'), runs.map(name => make('th', {class: 'text'}, name)))),
    make('tbody', {}, rows.map(([key, values]) => make('tr', {}, make('td', {}, make('code', {}, key)),
      values.map(value => make('td', {}, make('code', {}, value))))))));
  return make('div', {class: 'card'}, runs.length > 1 ? table : make('details', {}, make('summary', {}, `${rows.length} keys`), table));
}

// Page -----------------------------------------------------------------------------------------------------------

document.title = `${data.title} · photoreal report`;
document.getElementById('title').textContent = data.title;
document.getElementById('created').textContent = data.created;
section('overview', 'Overview', make('div', {class: 'runs'}, data.runs.map(runCard)));
section('metrics', 'Metrics', data.domains.map(metricTable));
section('differences', 'Differences', data.comparison.map(comparisonTable));
section('videos', 'Videos', data.left_out.length ? make('p', {class: 'muted'}, `Beyond the size limit and only linked: ${
  data.left_out.join(', ')}. Make the report with a larger --max-mb to see them here.`) : null, data.videos.map(videoCard));
section('training', 'Training', charts(data.training));
section('validation', 'Validation', charts(data.validation));
section('config', data.config.runs.length > 1 ? 'Config: differences' : 'Config', configTable(data.config));
