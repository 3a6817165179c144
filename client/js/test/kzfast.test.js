import assert from 'node:assert/strict';
import test from 'node:test';
import WebSocket from 'ws';
import { Client } from '../kzfast.js';
import { N, R, echo, startServer } from './server.js';

// connect makes a client whose events can be awaited in order. Waits longer
// than the handshake's are cut to nothing and recorded in delays.
function connect(t, uri, options = {}) {
  const events = [];
  let wake = () => {};
  let waiting = false;
  const push = (kind) => (e) => { events.push({ kind, ...e, data: e.data }); wake(); };
  const delays = [];
  const client = new Client(uri, {
    WebSocket,
    onstate: (e) => {
      waiting = e.state === 'waiting';
      if (e.state === 'waiting') delays.push(e.delay);
      push(e.state)(e);
    },
    onmessage: push('message'),
    onclose: push('close'),
    ...options,
    clock: {
      setTimeout: (fn, ms) => setTimeout(fn, waiting ? 0 : ms),
      random: () => 0.5,
      ...options.clock,
    },
  });
  t.after(() => client.close());
  // next resolves with the next event of the kind, in order.
  const next = async (kind) => {
    for (;;) {
      while (events.length > 0) {
        const e = events.shift();
        if (e.kind === kind) return e;
      }
      await new Promise((r) => { wake = r; });
    }
  };
  return { client, next, delays, events };
}

test('opens on N, sends and receives text and binary', async (t) => {
  const s = await startServer(t);
  s.handlers['/echo'] = echo;
  const { client, next } = connect(t, s.base + '/echo?topic=a');
  assert.equal(client.send('early'), false);
  const open = await next('open');
  assert.equal(open.member, s.base + '/echo?topic=a');
  assert.equal(client.member, open.member);
  assert.deepEqual(s.requests, ['/echo?topic=a&.kl=Y']);
  assert.equal(client.send('héllo'), true);
  assert.equal((await next('message')).data, 'héllo');
  client.send(new Uint8Array([1, 2, 3]));
  assert.deepEqual(new Uint8Array((await next('message')).data), new Uint8Array([1, 2, 3]));
  client.close(1000, 'bye');
  assert.deepEqual(await next('close').then(({ code, reason, willReconnect }) => ({ code, reason, willReconnect })),
    { code: 1000, reason: 'bye', willReconnect: false });
  assert.equal(client.state, 'closed');
});

for (const form of ['binary', 'text']) {
  test(`follows R as ${form}, and N as ${form}`, async (t) => {
    const s = await startServer(t);
    const send = (ws, d) => ws.send(form === 'text' ? d.toString() : d);
    s.handlers['/b'] = (ws) => { send(ws, R(s.base + '/member?.kl=Y')); ws.close(1000); };
    s.handlers['/member'] = (ws) => send(ws, N);
    const { next } = connect(t, s.base + '/b');
    assert.equal((await next('open')).member, s.base + '/member');
    assert.deepEqual(s.requests, ['/b?.kl=Y', '/member?.kl=Y']);
  });
}

test('anything else than a directive is application data', async (t) => {
  const s = await startServer(t);
  s.handlers['/plain'] = (ws) => ws.send('hello');
  const { next } = connect(t, s.base + '/plain');
  await next('open');
  assert.equal((await next('message')).data, 'hello');
});

test('a silent server counts as open', async (t) => {
  const s = await startServer(t);
  s.handlers['/silent'] = () => {};
  const { next } = connect(t, s.base + '/silent', { directiveTimeout: 1 });
  await next('open');
});

test('delivers directive look-alikes once open', async (t) => {
  const s = await startServer(t);
  s.handlers['/echo'] = echo;
  const { client, next } = connect(t, s.base + '/echo');
  await next('open');
  client.send('\uf0ffN');
  assert.equal((await next('message')).data, '\uf0ffN');
});

test('follows HTTP redirects where they can be seen', async (t) => {
  const s = await startServer(t);
  s.refuse['/b'] = [`302 Found\r\nlocation: ${s.base.replace('ws:', 'http:')}/echo`];
  s.handlers['/echo'] = echo;
  const { next } = connect(t, s.base + '/b');
  assert.equal((await next('open')).member, s.base + '/echo');
});

test('returns to the original URI after a kill', async (t) => {
  const s = await startServer(t);
  let n = 0;
  s.handlers['/b'] = (ws) => ws.send(R(`${s.base}/m${++n}`));
  s.handlers['/m1'] = s.handlers['/m2'] = echo;
  const { next, delays } = connect(t, s.base + '/b');
  assert.equal((await next('open')).member, s.base + '/m1');
  s.sockets.at(-1).terminate();
  const close = await next('close');
  assert.equal(close.code, 1006);
  assert.equal(close.willReconnect, true);
  assert.equal((await next('open')).member, s.base + '/m2');
  assert.deepEqual(delays, [500]); // half of the first second
  assert.deepEqual(s.requests, ['/b', '/m1', '/b', '/m2'].map((p) => p + '?.kl=Y'));
});

test('keeps cookies where they can be seen', async (t) => {
  const s = await startServer(t);
  const got = [];
  s.refuse['/b'] = [`302 Found\r\nSet-Cookie: first=1; Path=/\r\nlocation: ${s.base.replace('ws:', 'http:')}/b/x`];
  s.cookies['/b/x'] = ['member=m1; Path=/b; HttpOnly', 'here=x', 'other=2; Path=/elsewhere', 'safe=3; Path=/; Secure', 'old=4; Path=/; Max-Age=0'];
  s.handlers['/b/x'] = s.handlers['/b'] = (ws, req) => { got.push(req.headers.cookie); echo(ws); };
  const { next } = connect(t, s.base + '/b');
  await next('open');
  s.sockets.at(-1).terminate();
  await next('close');
  s.cookies['/b'] = ['member=m2; Path=/b', 'first=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT'];
  await next('open');
  s.sockets.at(-1).terminate();
  await next('close');
  await next('open');
  assert.deepEqual(got, ['first=1', 'first=1; member=m1; here=x', 'here=x; member=m2']);
});

test('returns to the original URI when the redirected member is dead', async (t) => {
  const s = await startServer(t);
  const answers = [R('ws://127.0.0.1:1/dead'), N];
  s.handlers['/b'] = (ws) => ws.send(answers.shift());
  const { next } = connect(t, s.base + '/b');
  assert.equal((await next('waiting')).code, 1006);
  assert.equal((await next('open')).member, s.base + '/b');
});

test('waits and tries again while there is no member', async (t) => {
  const s = await startServer(t);
  const answers = [R(), R(), R(), N];
  s.handlers['/b'] = (ws) => ws.send(answers.shift());
  const { next, delays } = connect(t, s.base + '/b');
  await next('open');
  assert.deepEqual(delays, [250, 500, 1000]); // half of 500 * 2**n
});

test('back-off is bounded and starts over after a stable time', async (t) => {
  const s = await startServer(t);
  let now = 0;
  const refuse = Array.from({ length: 9 }, () => '500 Internal Error');
  s.refuse['/echo'] = refuse;
  s.handlers['/echo'] = echo;
  const { next, delays } = connect(t, s.base + '/echo', { clock: { now: () => now } });
  await next('open');
  assert.deepEqual(delays, [500, 500, 1000, 2000, 4000, 8000, 15000, 15000, 15000]);
  now += 59999;
  s.sockets.at(-1).close(1001);
  await next('open');
  assert.equal(delays.at(-1), 15000);
  now += 60000;
  s.sockets.at(-1).close(1001);
  await next('open');
  assert.equal(delays.at(-1), 250);
});

test('Retry-After is a minimum', async (t) => {
  const s = await startServer(t);
  s.refuse['/echo'] = ['503 Service Unavailable\r\nRetry-After: 7', '429 Too Many Requests\r\nRetry-After: Thu, 01 Jan 1970 00:00:09 GMT', '503 Service Unavailable\r\nRetry-After: x'];
  s.handlers['/echo'] = echo;
  const { next, delays } = connect(t, s.base + '/echo', { clock: { now: () => 1000 } });
  await next('open');
  assert.deepEqual(delays, [7500, 8500, 1000]);
});

for (const code of [1001, 1011, 1012, 1013, 1014]) {
  test(`reconnects after ${code}`, async (t) => {
    const s = await startServer(t);
    s.handlers['/echo'] = echo;
    const { next } = connect(t, s.base + '/echo');
    await next('open');
    s.sockets.at(-1).close(code);
    await next('open');
  });
}

test('reconnects after a close without code', async (t) => {
  const s = await startServer(t);
  s.handlers['/echo'] = echo;
  const { next } = connect(t, s.base + '/echo');
  await next('open');
  s.sockets.at(-1).close();
  assert.equal((await next('close')).code, 1005);
  await next('open');
});

for (const code of [1000, 1002, 1003, 1007, 1008, 1009, 1010, 4000]) {
  test(`ends after ${code}`, async (t) => {
    const s = await startServer(t);
    s.handlers['/echo'] = echo;
    const { next } = connect(t, s.base + '/echo');
    await next('open');
    s.sockets.at(-1).close(code, 'because');
    const { code: got, reason, willReconnect } = await next('close');
    assert.deepEqual([got, reason, willReconnect], [code, 'because', false]);
  });
}

for (const status of ['400 Bad Request', '401 Unauthorized', '403 Forbidden', '404 Not Found', '302 Found']) {
  test(`ends after HTTP ${status}`, async (t) => {
    const s = await startServer(t);
    s.refuse['/echo'] = [status];
    const { next } = connect(t, s.base + '/echo');
    const e = await next('close');
    assert.match(e.reason, new RegExp(status.slice(0, 3)));
    assert.equal(e.willReconnect, false);
  });
}

test('refuses loops, chains that are too long, downgrades and nonsense', async (t) => {
  const s = await startServer(t);
  s.handlers['/self'] = (ws) => ws.send(R(s.base + '/self'));
  s.handlers['/a'] = (ws) => ws.send(R(s.base + '/self2'));
  s.handlers['/self2'] = (ws) => ws.send(R(s.base + '/a?.kl=Y'));
  for (let i = 0; i < 7; i++) s.handlers['/chain' + i] = i === 6 ? echo : (ws) => ws.send(R(`${s.base}/chain${i + 1}`));
  s.handlers['/ftp'] = (ws) => ws.send(R('ftp://x/'));
  for (const [path, reason] of [
    ['/self', /loop at .*\/self$/], ['/a', /loop at .*\/a$/], ['/chain0', /more than 5/], ['/ftp', /invalid URI/],
  ]) {
    const { next } = connect(t, s.base + path);
    const e = await next('close');
    assert.match(e.reason, reason);
    assert.equal(e.willReconnect, false);
  }
  const { next } = connect(t, s.base + '/chain1');
  assert.equal((await next('open')).member, s.base + '/chain6');
});

// A WebSocket without network, for what needs TLS or a browser.
class FakeSocket {
  static list = [];
  readyState = 0;
  constructor(url) { this.url = url; FakeSocket.list.push(this); }
  close() { this.readyState = 3; }
}

test('refuses wss to ws', async (t) => {
  const { client, next } = connect(t, 'wss://b/x', { WebSocket: FakeSocket });
  await next('connecting');
  const ws = FakeSocket.list.at(-1);
  assert.equal(ws.url, 'wss://b/x?.kl=Y');
  ws.readyState = 1;
  ws.onopen({});
  ws.onmessage({ data: '\uf0ffRws://m/x?.kl=Y' });
  assert.match((await next('close')).reason, /from wss/);
  assert.equal(ws.readyState, 3);
  assert.equal(client.state, 'closed');
});

test('a handshake that takes too long is a loss', async (t) => {
  const { next } = connect(t, 'ws://b/x', { WebSocket: FakeSocket, connectTimeout: 1 });
  const e = await next('waiting');
  assert.deepEqual([e.code, e.reason], [1006, 'connect timeout']);
  assert.equal(FakeSocket.list.at(-1).readyState, 3);
});

test('close in a callback stops everything', async (t) => {
  const s = await startServer(t);
  s.handlers['/echo'] = echo;
  let client;
  const states = [];
  await new Promise((done) => {
    client = new Client(s.base + '/echo', {
      WebSocket,
      onstate: (e) => { states.push(e.state); if (e.state === 'open') client.close(); },
      onopen: () => states.push('onopen'),
      onclose: done,
    });
  });
  assert.deepEqual(states, ['connecting', 'open', 'closed']);
});

test('says what is missing', () => {
  const had = globalThis.WebSocket;
  delete globalThis.WebSocket;
  try {
    assert.throws(() => new Client('ws://x/'), /package 'ws'/);
  } finally {
    if (had) globalThis.WebSocket = had;
  }
  assert.throws(() => new Client('ftp://x/', { WebSocket }), /not a WebSocket URI/);
});
