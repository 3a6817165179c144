// The visitor's own connection: through the balancer, with kzfast.js.

import { Client } from './kzfast.js';
import { $, clock, el, line, member, millis, span } from './members.js';

const BEAT = 500; // ms between two messages of the page itself
const PATIENCE = 5000; // ms an open connection may owe an echo
const BARS = 80;

export class Connection {
  #uri;
  #timeline;
  #client = null;
  #member = null;
  #openSince = 0;
  #lostAt = 0;
  #sent = []; // messages not yet back, oldest first
  #rounds = [];

  constructor(uri, timeline) {
    this.#uri = uri;
    this.#timeline = timeline;
    $('form').addEventListener('submit', (e) => { e.preventDefault(); this.#say(); });
    $('toggle').addEventListener('click', () => (this.#client ? this.#client.close() : this.#connect()));
    setInterval(() => this.#beat(), BEAT);
    setInterval(() => this.#age(), 250);
    this.#connect();
  }

  #connect() {
    this.#lostAt = 0;
    this.#client = new Client(this.#uri, { onstate: (s) => this.#state(s), onmessage: (e) => this.#echo(e.data) });
    $('toggle').textContent = 'Disconnect';
  }

  #state(s) {
    $('connection').dataset.state = s.state;
    if (s.state === 'open') this.#opened(member(s.member));
    else if (this.#member) this.#lost(s);
    const pill = $('state');
    pill.dataset.tone = { open: 'good', connecting: '', waiting: 'bad', closed: 'bad' }[s.state];
    pill.textContent = { open: 'connected', connecting: 'connecting', waiting: `again in ${span(s.delay ?? 0)}`, closed: 'disconnected' }[s.state];
    if (s.state === 'closed') {
      this.#client = null;
      $('toggle').textContent = 'Connect';
      if (s.code !== 1000) this.#timeline.note(`given up: ${s.reason || `close code ${s.code}`}`);
    }
  }

  #opened(m) {
    const now = performance.now();
    const away = this.#lostAt ? now - this.#lostAt : 0;
    this.#member = m;
    this.#openSince = now;
    $('connection').dataset.member = m.tone;
    $('member').replaceChildren(m.name, el('small', '', m.host));
    this.#box(m.name, false);
    if (away) $('outage').textContent = span(away);
    this.#timeline.open(m, away);
    this.#beat();
  }

  #lost(s) {
    const m = this.#member;
    this.#member = null;
    this.#lostAt = performance.now();
    delete $('connection').dataset.member;
    for (const { item } of this.#sent) item?.lastChild.replaceChildren('lost with its member');
    this.#sent = [];
    $('member').textContent = 'nobody';
    $('age').textContent = '–';
    $('picture-round').textContent = '';
    if (s.state === 'waiting') this.#box(m.name, true);
    this.#timeline.lost(m, s);
  }

  // box marks a member in the picture as lost until it answers again.
  #box(name, lost) {
    const box = $(`box-${name}`);
    if (!box) return;
    box.classList.toggle('lost', lost);
    const note = box.querySelector('.note');
    note.dataset.host ??= note.textContent;
    note.textContent = lost ? `lost ${clock()}` : note.dataset.host;
  }

  #say() {
    const text = $('text').value;
    if (!text) return;
    const item = el('li', '', el('span', '', text), el('small', '', 'sent'));
    if (!this.#send(text, item)) item.lastChild.textContent = 'not connected';
    else $('text').value = '';
    line($('log'), item);
  }

  #beat() {
    if (!$('beat').checked || this.#client?.state !== 'open') return;
    const oldest = this.#sent[0];
    if (oldest && performance.now() - oldest.at < PATIENCE) return;
    this.#send(`beat ${Math.round(performance.now())}`);
  }

  #send(text, item) {
    if (!this.#client?.send(text)) return false;
    this.#sent.push({ text, item, at: performance.now() });
    return true;
  }

  #echo(data) {
    const i = this.#sent.findIndex((s) => s.text === data);
    if (i < 0) return;
    const { item, at } = this.#sent.splice(i, 1)[0];
    const took = performance.now() - at;
    this.#round(took);
    if (!item) return;
    item.lastChild.replaceChildren(el('span', `who ${this.#member.tone}`, this.#member.name), ` · ${millis(took)}`);
  }

  #round(took) {
    this.#rounds.push(took);
    if (this.#rounds.length > BARS) this.#rounds.shift();
    const sorted = this.#rounds.toSorted((a, b) => a - b);
    const median = sorted[sorted.length >> 1];
    $('round').replaceChildren(millis(took), el('small', '', `median ${millis(median)}`));
    $('picture-round').textContent = millis(took);
    this.#bar(took, sorted[Math.floor(sorted.length * 0.95)] || sorted.at(-1));
    for (const beat of document.querySelectorAll('.beat')) {
      beat.classList.remove('go');
      void beat.getBoundingClientRect(); // restarts the animation
      beat.classList.add('go');
    }
  }

  // #bar draws one round trip; what is above top is cut off there.
  #bar(took, top) {
    const spark = $('spark');
    const bar = el('i', this.#member.tone);
    bar.dataset.took = took;
    bar.title = millis(took);
    spark.append(bar);
    if (spark.children.length > BARS) spark.firstChild.remove();
    for (const b of spark.children) b.style.height = `${Math.min(100, Math.max(6, (b.dataset.took / top) * 85))}%`;
  }

  #age() {
    if (this.#member) $('age').textContent = span(Math.floor((performance.now() - this.#openSince) / 1000) * 1000).replace('.00', '');
  }
}
