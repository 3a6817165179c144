// Several connections at once, and how they are shared out.

import { Client } from './kzfast.js';
import { $, el, member } from './members.js';

const clients = []; // {client, dot}
let drawing = false;

/** Fills the panel; each connection begins at uri. */
export function startMany(uri) {
  const range = $('number');
  const set = () => {
    $('number-now').textContent = range.value;
    while (clients.length > range.value) remove();
    while (clients.length < range.value) add(uri);
    draw();
  };
  range.addEventListener('input', set);
  $('again').addEventListener('click', () => {
    while (clients.length) remove();
    set();
  });
  set();
}

function add(uri) {
  const dot = el('li');
  const client = new Client(uri, { onstate: draw });
  $('dots').append(dot);
  clients.push({ client, dot });
}

function remove() {
  const { client, dot } = clients.pop();
  client.onstate = null;
  client.close();
  dot.remove();
}

// draw paints once per frame however many connections change.
function draw() {
  if (drawing) return;
  drawing = true;
  setTimeout(() => { drawing = false; paint(); }, 30);
}

function paint() {
  const shares = new Map();
  let without = 0;
  for (const { client, dot } of clients) {
    const m = client.member ? member(client.member) : null;
    dot.className = m ? m.tone : '';
    if (!m) without++;
    else shares.set(m.name, { ...m, n: (shares.get(m.name)?.n ?? 0) + 1 });
  }
  const sorted = [...shares.values()].sort((a, b) => a.name.localeCompare(b.name));
  $('shares').replaceChildren(...sorted.map((m) => {
    const part = el('b', m.tone);
    part.style.width = `${(m.n / clients.length) * 100}%`;
    return part;
  }));
  const text = sorted.map((m) => `${m.n} on ${m.name}`);
  if (without) text.push(`${without} without a member`);
  $('shares-text').textContent = text.join(', ') || 'no socket';
}
