// A plain WebSocket to the same URI, with nothing in between.

import { $, clock, el, line } from './members.js';

/** Fills the panel; the socket is opened when the visitor asks for it. */
export function startBare(uri) {
  let socket = null;
  $('bare-uri').textContent = uri;
  const open = $('bare-open');

  open.addEventListener('click', () => {
    if (socket) return socket.close();
    socket = new WebSocket(uri);
    say('new WebSocket', true);
    show('connecting', '');
    open.textContent = 'Close';
    socket.onopen = () => { say('open', true); show('open', 'good'); };
    socket.onmessage = (e) => say(`← ${e.data}`);
    socket.onclose = (e) => {
      say(`closed, code ${e.code}${e.code === 1000 || e.code === 1005 ? '' : '; a plain socket stays closed'}`, true);
      show('closed', e.code === 1000 || e.code === 1005 ? '' : 'bad');
      open.textContent = 'Open';
      socket = null;
    };
  });

  $('bare-form').addEventListener('submit', (e) => {
    e.preventDefault();
    const text = $('bare-text').value;
    if (!text || socket?.readyState !== WebSocket.OPEN) return;
    socket.send(text);
    say(`→ ${text}`);
  });
}

function show(state, tone) {
  const pill = $('bare-state');
  pill.textContent = state;
  pill.dataset.tone = tone;
  for (const id of ['bare-text', 'bare-send']) $(id).disabled = state !== 'open';
}

function say(text, note = false) {
  line($('bare-log'), el('li', note ? 'note' : '', el('span', '', text), el('small', '', clock())));
}
