// Who answered when: a band of the last two minutes and a list of changes.

import { $, clock, el, span } from './members.js';

const WINDOW = 120000; // ms
const KEEP = 50;

export class Timeline {
  #spans = []; // {tone, from, to, bar}; the last one is open

  constructor() {
    setInterval(() => this.#draw(), 500);
  }

  /** A member answers; away is how long nobody did, 0 at the beginning. */
  open(m, away) {
    this.#begin(m.tone);
    const text = [`${m.name} answers`];
    if (away) text.push(', back after ', el('strong', '', span(away)));
    this.#write(text);
  }

  lost(m, s) {
    this.#begin(s.state === 'closed' ? null : 'none');
    if (s.state === 'closed') return this.#write([`left ${m.name}`]);
    const why = { 1001: 'the member is going away', 1006: 'the connection broke' }[s.code] ?? s.reason;
    this.#write([`${m.name} lost, code ${s.code}${why ? `: ${why}` : ''}`]);
  }

  note(text) { this.#write([text]); }

  #write(parts) {
    const list = $('changes');
    const time = el('time', '', clock());
    time.dateTime = new Date().toISOString();
    list.prepend(el('li', '', time, el('span', '', ...parts)));
    while (list.children.length > KEEP) list.lastChild.remove();
  }

  // begin ends the open span; a null tone leaves a blank.
  #begin(tone) {
    const now = performance.now();
    const last = this.#spans.at(-1);
    if (last) last.to ??= now;
    if (tone) {
      const bar = el('b', tone);
      $('band').append(bar);
      this.#spans.push({ from: now, to: null, bar });
    }
    this.#draw();
  }

  #draw() {
    const now = performance.now();
    const start = now - WINDOW;
    this.#spans = this.#spans.filter((s) => {
      const gone = s.to !== null && s.to < start;
      if (gone) s.bar.remove();
      return !gone;
    });
    for (const { from, to, bar } of this.#spans) {
      const left = Math.max(from, start) - start;
      bar.style.left = `${(left / WINDOW) * 100}%`;
      bar.style.width = `${(((to ?? now) - start - left) / WINDOW) * 100}%`;
    }
  }
}
