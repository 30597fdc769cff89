'use strict';
// Draws the gateway's state once a second. Every text from the gateway is put in by textContent, never as HTML.
const kPeriodMs = 1000, kTimeoutMs = 4000, kVerdicts = 60, kLiveMs = 550, kLiveOldMs = 2500, kTags = 200;
const by = (id) => document.getElementById(id);
const number = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const compact = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 2 });
let show = 'all', held = false, before = new Map();

function make(tag, cls, text, ...children) {
  const node = document.createElement(tag);
  if (cls) node.className = cls;
  if (text !== undefined && text !== null) node.textContent = text;
  node.append(...children);
  return node;
}

const clock = (time) => new Date(time).toLocaleTimeString('en-GB');
const ms = (value) => (value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2)) + ' ms';

function figure(name, value, tone) {
  return make('div', '', null, make('dt', '', name), make('dd', tone, value));
}

function count(name, value, tone) {
  return figure(name, value < 1e7 ? number.format(value) : compact.format(value), value === 0 ? 'zero' : tone);
}

// Items a minute since the last look, from two counts and the time between them.
function rateOf(station, now) {
  const old = before.get(station.name);
  if (!old || now - old.at > 900) before.set(station.name, { at: now, items: station.items, rate: old?.rate });
  const next = before.get(station.name);
  if (old && next !== old && station.items >= old.items) {
    const latest = (station.items - old.items) * 60000 / (now - old.at);
    next.rate = old.rate === undefined ? latest : 0.7 * old.rate + 0.3 * latest;
  }
  return next.rate;
}

function latencyOf(station) {
  const l = station.latency_ms, box = make('div', 'latency');
  box.append(make('dl', 'counts', null, figure('p50', ms(l.p50)), figure('p99', ms(l.p99)), figure('p99.9', ms(l.p999)),
    figure('max', ms(l.max), l.max > station.deadline_ms ? 'warn' : '')));
  const share = (value) => Math.min(100, 100 * value / station.deadline_ms) + '%';
  const tail = make('i', 'tail'), bar = make('i');
  tail.style.width = share(l.p999);
  bar.style.width = share(l.p50);
  box.append(make('div', 'meter', null, tail, bar));
  box.append(make('small', '', `trigger to verdict, of ${ms(station.deadline_ms)} allowed`));
  return box;
}

// What a camera sees now, while its box is open and the page is looked at. A box stays the same node from one second to
// the next.
const live = new Map();
function liveBox(station, camera) {
  const key = `${station}/${camera}`;
  if (live.has(key)) return live.get(key);
  const box = make('details', 'live', null, make('summary', '', `See ${camera} live`));
  const note = make('p', 'waiting', 'waiting for a picture');
  let shown = make('img'), good = 0, timer = 0;
  shown.hidden = true;
  box.append(shown, note);
  const later = () => { if (box.open && !timer) timer = setTimeout(ask, kLiveMs); };
  const ask = () => {
    timer = 0;
    if (!box.open || document.hidden) return later();
    const next = make('img');
    next.alt = `what ${camera} sees now`;
    next.onload = () => {
      shown.replaceWith(next);
      shown = next;
      good = Date.now();
      note.textContent = clock(good);
      later();
    };
    next.onerror = () => {
      if (Date.now() - good > kLiveOldMs) {
        shown.hidden = true;
        note.textContent = 'no picture comes';
      }
      later();
    };
    next.src = `/live/${encodeURIComponent(station)}/${encodeURIComponent(camera)}.jpg?t=${Date.now()}`;
  };
  box.ontoggle = () => { if (box.open && !timer) ask(); };
  live.set(key, box);
  return box;
}

function stationCard(station, now) {
  const rate = rateOf(station, now);
  const card = make('article', 'station' + (station.trouble ? ' bad' : ''));
  card.append(make('div', 'top', null, make('h3', '', station.name),
    make('span', 'rate', rate === undefined ? '' : `${number.format(rate)} a minute`)));
  const links = make('div', 'links');
  for (const camera of station.cameras) {
    const link = make('span', 'dot' + (camera.up ? '' : ' bad'), `${camera.name}${camera.up ? '' : ' down'}`);
    link.title = camera.message;
    links.append(link);
  }
  if (station.actuator) {
    const link = make('span', 'dot' + (station.actuator.up ? '' : ' bad'), `rejector${station.actuator.up ? '' : ' unreachable'}`);
    link.title = station.actuator.message;
    links.append(link);
  }
  links.append(make('span', '', station.model));
  card.append(links);
  card.append(make('dl', 'counts', null, count('items', station.items), count('rejected', station.rejected, ''),
    count('fail-safe', station.fail_safe, 'warn'), count('late', station.late, 'warn')));
  card.append(latencyOf(station));
  if (station.actuation_failed) card.append(make('p', 'note warn', `${number.format(station.actuation_failed)} ${station.actuation_failed === 1 ? 'reject was' : 'rejects were'} not ejected since the start.`));
  if (station.trouble) card.append(make('p', 'note', station.trouble));
  for (const camera of station.cameras) card.append(liveBox(station.name, camera.name));
  return card;
}

const reasons = {
  score: 'score', doubt: 'in doubt', vote: 'vote', fail_late: 'verdict too late', fail_no_frame: 'no picture',
  fail_overload: 'queue full', fail_inference: 'model failed', fail_camera: 'camera down',
};

function verdictCard(row) {
  const card = make('li', `verdict ${row.decision}${row.picture ? '' : ' bare'}`);
  const picture = make('div', 'picture');
  if (row.picture) {
    const image = make('img');
    image.src = row.picture;
    image.alt = `item ${row.item}`;
    image.loading = 'lazy';
    image.onerror = () => { picture.textContent = 'no longer kept'; };
    picture.append(image);
  }
  const tone = row.fail_safe ? 'safe' : row.decision;
  const body = make('div', 'body', null,
    make('div', 'head', null, make('span', tone, row.decision === 'pass' ? 'Pass' : 'Reject'),
      make('span', '', row.score === null ? '' : row.score.toFixed(3))));
  const what = row.fail_safe ? reasons[row.reason] ?? row.reason : [row.label, row.reason === 'score' ? '' : reasons[row.reason]].filter(Boolean).join(', ');
  body.append(make('p', '', what || 'by score'));
  body.append(make('p', '', `${row.station} · ${number.format(row.item)}`));
  const time = clock(row.time);
  body.append(make('p', '', row.ms.decision === null ? time : `${time} · ${ms(row.ms.decision)}`));
  if (row.picture) card.append(picture);
  card.append(body);
  return card;
}

// Bands of one channel now, as a line over the learned normal, three spreads up and down.
function bandsOf(spectrum) {
  const width = 360, height = 90, space = by('drawing').namespaceURI, n = spectrum.now.length;
  const upper = spectrum.normal.map((v, i) => v + 3 * spectrum.spread[i]), lower = spectrum.normal.map((v, i) => v - 3 * spectrum.spread[i]);
  const top = Math.max(...upper, ...spectrum.now) + 0.3, bottom = Math.min(...lower, ...spectrum.now) - 0.3;
  const at = (v, i) => `${((i + 0.5) * width / n).toFixed(1)},${((top - v) / (top - bottom) * height).toFixed(1)}`;
  const svg = document.createElementNS(space, 'svg'), area = document.createElementNS(space, 'polygon'), line = document.createElementNS(space, 'polyline');
  svg.setAttribute('viewBox', `0 0 ${width} ${height}`);
  svg.setAttribute('class', 'bands');
  svg.setAttribute('role', 'img');
  svg.setAttribute('aria-label', `Spectrum of ${spectrum.channel} now against normal`);
  area.setAttribute('class', 'normal');
  area.setAttribute('points', [...upper.map(at), ...lower.map((v, i) => at(v, i)).reverse()].join(' '));
  line.setAttribute('class', 'now');
  line.setAttribute('points', spectrum.now.map(at).join(' '));
  svg.append(area, line);
  const hz = (value) => (value < 1000 ? `${Math.round(value)} Hz` : `${+(value / 1000).toFixed(1)} kHz`);
  return make('figure', '', null, svg, make('figcaption', '',
    `Channel ${spectrum.channel}, ${hz(spectrum.low_hz[0])} to ${hz(spectrum.low_hz.at(-1))}. Line: now. Grey: normal, three spreads up and down.`));
}

const modes = { collecting: 'learning, recorded', queued: 'learning, another machine trains first', training: 'learning, training', shadow: 'learning, proved', scoring: 'scoring', waiting: 'no model' };

function assetCard(asset) {
  const share = asset.threshold > 0 ? asset.score / asset.threshold : 0;
  const urgent = asset.alarm && (asset.severity === 'high' || asset.severity === 'critical');
  const card = make('article', 'station asset' + (urgent ? ' bad' : asset.alarm || asset.sensor || asset.trouble ? ' warn' : ''));
  const learns = asset.mode === 'collecting' || asset.mode === 'shadow';
  card.append(make('div', 'top', null, make('h3', '', asset.name),
    make('span', 'rate', modes[asset.mode] + (learns ? ` ${(100 * asset.progress).toFixed(0)} %` : ''))));
  const sensors = make('span', 'dot' + (asset.sensor ? ' warn' : ''), asset.sensor ? 'sensor fault' : 'sensors');
  card.append(make('div', 'links', null, sensors, make('span', '', asset.state), make('span', '', asset.model)));
  card.append(make('dl', 'counts', null, figure('score, of threshold', asset.threshold > 0 && asset.score > 0 ? `${(100 * share).toFixed(0)} %` : '–', asset.alarm ? 'bad' : ''),
    figure('anomalies', asset.windows ? `${asset.anomalies} of ${asset.windows}` : '–'), count('lost blocks', asset.dropped_blocks, 'warn')));
  const bar = make('i', asset.alarm ? 'over' : '');
  bar.style.width = Math.min(100, 50 * share) + '%';
  card.append(make('div', 'meter', null, bar));
  if (asset.spectra.length) card.append(bandsOf(asset.spectra[0]));
  if (asset.features.length) card.append(make('small', '', 'Furthest from normal, in spreads: ' + asset.features.slice(0, 3).map((f) => `${f.name} ${f.spreads > 0 ? '+' : ''}${f.spreads.toFixed(1)}`).join('; ')));
  if (asset.message) card.append(make('p', 'note', asset.message));
  for (const text of [asset.sensor, asset.trouble]) if (text) card.append(make('p', 'note warn', text));
  return card;
}

// Tags beyond a limit first, then those without a good reading, then the others as in the settings.
function tagRows(tags, alarms) {
  const beyond = new Map(alarms.filter((alarm) => alarm.rule === '').map((alarm) => [alarm.asset, alarm]));
  const wanted = by('wanted').value.trim().toLowerCase();
  const rank = (tag) => (beyond.has(tag.tag) ? 0 : tag.quality === 'good' ? 2 : 1);
  const rows = tags.filter((tag) => tag.tag.toLowerCase().includes(wanted)).sort((a, b) => rank(a) - rank(b));
  by('more').hidden = rows.length > 0 && rows.length <= kTags;
  by('more').textContent = rows.length ? `${number.format(rows.length - kTags)} more: type a part of the name.` : 'No tag has such a name.';
  return rows.slice(0, kTags).map((tag) => {
    const alarm = beyond.get(tag.tag), tone = alarm ? (urgent(alarm) ? 'bad' : 'warn') : '';
    const value = tag.value === null ? '–' : `${+tag.value.toPrecision(7)} ${tag.unit}`;
    const row = make('tr', '', null, make('td', '', tag.tag), make('td', `value ${tone}`, value),
      make('td', tag.quality === 'good' ? '' : 'warn', tag.quality ?? 'nothing came yet'), make('td', '', tag.received ? clock(tag.received) : '–'));
    if (alarm) row.title = alarm.message;
    return row;
  });
}

const urgent = (alarm) => alarm.state === 'active' && (alarm.severity === 'high' || alarm.severity === 'critical');

// An alarm of a rule or of a tag's limit, or a rule that can't be judged.
function alarmLine(alarm) {
  const words = [alarm.rule ? alarm.asset : '', alarm.since && alarm.state !== 'normal' ? `since ${new Date(alarm.since).toLocaleString('en-GB')}` : '',
    { latched: 'over, not acknowledged', normal: '' }[alarm.state] ?? alarm.severity, alarm.acknowledged ? 'acknowledged' : '', alarm.known ? '' : 'can\'t be judged now'];
  return make('li', 'note' + (urgent(alarm) ? '' : ' warn'), alarm.message || alarm.rule, make('small', '', ' ' + words.filter(Boolean).join(' · ')));
}

function drawHealth(data, machines, alarms) {
  const bad = data.trouble.length + data.stations.filter((station) => station.trouble).length +
    alarms.filter((alarm) => alarm.state !== 'normal').length +
    machines.filter((asset) => asset.alarm || asset.sensor || asset.trouble).length;
  const health = by('health');
  health.className = 'pill ' + (bad ? 'bad' : 'good');
  health.textContent = bad ? `${bad} in trouble` : 'All in order';
  by('gateway').textContent = data.gateway;
  document.title = (bad ? '! ' : '') + `${data.gateway} · Lineside`;
  drawTrouble(data.trouble.join(' '));
}

// Read aloud when it changes, so it is only touched when it does.
function drawTrouble(text) {
  by('trouble').hidden = text === '';
  if (by('trouble').textContent !== text) by('trouble').textContent = text;
}

function drawVerdicts(items) {
  const wanted = items.filter((row) => show === 'all' || (show === 'reject' ? row.decision === 'reject' : row.fail_safe));
  const list = by('verdicts'), old = new Map([...list.children].map((node) => [node.dataset.key, node]));
  list.replaceChildren(...wanted.slice(0, kVerdicts).map((row) => {
    const key = `${row.station}/${row.item}/${row.picture ?? ''}/${row.actuated}`;
    const node = old.get(key) ?? verdictCard(row);
    node.dataset.key = key;
    return node;
  }));
  by('empty').hidden = wanted.length > 0;
  by('empty').textContent = items.length ? 'None of the latest verdicts is of this kind.' : 'No verdicts yet.';
}

let latest = [], heard = 0;
async function get(path) {
  const answer = await fetch(path, { signal: AbortSignal.timeout(kTimeoutMs) });
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return answer.json();
}

async function refresh() {
  try {
    const [data, verdicts, machines, rules, readings] = await Promise.all([get('/api/stations'), get('/api/verdicts/latest?tail=200'), get('/api/assets'), get('/api/alarms'), get('/api/tags')]);
    drawHealth(data, machines.assets, rules.alarms);
    document.body.classList.remove('stale');
    heard = Date.now();
    const now = performance.now();
    const focused = document.activeElement;
    by('stations').replaceChildren(...data.stations.map((station) => stationCard(station, now)));
    if (focused?.isConnected && focused !== document.activeElement) focused.focus({ preventScroll: true });
    by('rules').hidden = rules.alarms.length === 0;
    by('alarms').replaceChildren(...rules.alarms.map(alarmLine));
    by('lines').hidden = data.stations.length === 0;
    by('machines').hidden = machines.assets.length === 0;
    by('latest').hidden = by('kept').hidden = data.stations.length === 0;
    by('readings').hidden = readings.tags.length === 0;
    by('wanted').hidden = readings.tags.length <= 12;
    by('tags').replaceChildren(...tagRows(readings.tags, rules.alarms));
    by('nothing').hidden = data.stations.length + machines.assets.length + readings.tags.length > 0;
    by('assets').replaceChildren(...machines.assets.map(assetCard));
    latest = verdicts.items;
    if (!held) drawVerdicts(latest);
  } catch {
    by('health').className = 'pill bad';
    by('health').textContent = 'No answer';
    drawTrouble(`The gateway does not answer. ${heard ? `What is shown is of ${clock(heard)}. ` : ''}Is it running, and is the network there?`);
    document.body.classList.add('stale');
  }
  setTimeout(refresh, document.hidden ? 5 * kPeriodMs : kPeriodMs);
}

for (const button of document.querySelectorAll('[data-show]')) {
  button.addEventListener('click', () => {
    show = button.dataset.show;
    for (const other of document.querySelectorAll('[data-show]')) other.setAttribute('aria-pressed', other === button);
    drawVerdicts(latest);
  });
}
by('zone').textContent = Intl.DateTimeFormat().resolvedOptions().timeZone;
by('hold').addEventListener('click', () => {
  held = !held;
  by('hold').setAttribute('aria-pressed', held);
  by('hold').textContent = held ? 'Held' : 'Hold';
  if (!held) drawVerdicts(latest);
});
refresh();
