// A WebSocket client for kzfast clusters: finds its member through a balancer
// URI and comes back through that URI whenever the member is lost.
//
//   const c = new Client('wss://example.com/echo', { onmessage: e => console.log(e.data) });
//
// Node 20 has no global WebSocket; give it one:
//
//   import WebSocket from 'ws';
//   new Client(uri, { WebSocket, ... });
//
// The balancer answers inside the opened socket, because browsers follow no
// redirect of a WebSocket handshake: the client adds ".kl=Y" to the query and
// reads U+F0FF "N" (stay), U+F0FF "R" uri (go there) or U+F0FF "R" (no member
// now) from the first message, text or binary.

/** Close codes after which the client connects again. */
const RETRY = new Set([1001, 1005, 1006, 1011, 1012, 1013, 1014]);

const DEFAULTS = {
  protocols: [],
  binaryType: 'arraybuffer',
  maxRedirects: 5,
  baseDelay: 500, // ms; the wait before retry n is random(0, min(maxDelay, baseDelay * 2**n))
  maxDelay: 30000,
  lossDelay: 1000, // upper bound of the first wait after an abrupt loss
  stableAfter: 60000, // an open time after which n starts at 0 again
  connectTimeout: 10000, // per socket, until its handshake is done
  directiveTimeout: 3000, // a server silent for so long after that speaks no directives
};

const CLOCK = {
  setTimeout: (fn, ms) => setTimeout(fn, ms),
  clearTimeout: (t) => clearTimeout(t),
  now: () => Date.now(),
  random: () => Math.random(),
};

export class Client {
  #o;
  #clock;
  #origin;
  #socket = null;
  #timer = null;
  #state = 'connecting';
  #member = null;
  #visited = new Set();
  #retries = 0;
  #openedAt = 0;
  #minWait = 0;
  #cookies = new Cookies();

  /** Connects at once. See kzfast.d.ts for the options. */
  constructor(uri, options = {}) {
    this.#o = { ...DEFAULTS, ...options };
    this.#clock = { ...CLOCK, ...options.clock };
    this.#o.WebSocket ??= globalThis.WebSocket;
    if (!this.#o.WebSocket) {
      throw new TypeError("no WebSocket here: pass { WebSocket } from the package 'ws'");
    }
    this.#origin = target(uri, globalThis.location?.href);
    this.onstate = options.onstate ?? null;
    this.onopen = options.onopen ?? null;
    this.onmessage = options.onmessage ?? null;
    this.onclose = options.onclose ?? null;
    // Handlers assigned right after construction see the first state too.
    this.#wait(0, () => this.#start());
  }

  /** 'connecting', 'open', 'waiting' or 'closed'. */
  get state() { return this.#state; }

  /** URI of the member that answers, null unless open. */
  get member() { return this.#member; }

  /** The URI every attempt begins with. */
  get uri() { return bare(this.#origin); }

  /** The subprotocol in use, '' when there is none. */
  get protocol() { return this.#socket?.protocol ?? ''; }

  get bufferedAmount() { return this.#socket?.bufferedAmount ?? 0; }

  /** Sends a string or binary data. Returns false, and drops it, unless open. */
  send(data) {
    if (this.#state !== 'open') return false;
    this.#socket.send(data);
    return true;
  }

  /** Ends the client for good; onclose follows. */
  close(code = 1000, reason = '') {
    if (this.#state === 'closed') return;
    if (this.#state === 'open') this.#socket.close(code, reason);
    this.#finish(code, reason);
  }

  #start() {
    this.#visited.clear();
    this.#minWait = 0;
    this.#enter('connecting', { uri: bare(this.#origin), attempt: this.#retries });
    if (this.#state === 'connecting') this.#dial(this.#origin);
  }

  #dial(url) {
    this.#visited.add(url.href);
    let ws;
    try {
      const cookie = this.#cookies.of(url, this.#clock.now());
      ws = new this.#o.WebSocket(url.href, this.#o.protocols, ...(cookie ? [{ headers: { Cookie: cookie } }] : []));
    } catch (e) {
      this.#finish(1006, String(e?.message ?? e));
      return;
    }
    this.#socket = ws;
    ws.binaryType = 'arraybuffer';
    const mine = (fn) => (e) => { if (this.#socket === ws) fn(e); };
    ws.onopen = mine(() => this.#wait(this.#o.directiveTimeout, () => this.#opened(url)));
    ws.onmessage = mine((e) => this.#received(url, e));
    ws.onclose = mine((e) => this.#lost(e.code, e.reason));
    ws.onerror = () => {}; // a close event follows
    // The package 'ws' shows the answer, and keeps no cookies; browsers do neither.
    ws.on?.('upgrade', (res) => this.#cookies.keep(url, res, this.#clock.now()));
    ws.on?.('unexpected-response', (req, res) => {
      this.#cookies.keep(url, res, this.#clock.now());
      mine(() => this.#refused(url, res))();
      req.destroy();
    });
    this.#wait(this.#o.connectTimeout, () => this.#lost(1006, 'connect timeout'));
  }

  #received(url, event) {
    if (this.#state === 'open') {
      this.onmessage?.(event);
      return;
    }
    const text = directive(event.data);
    if (text === null || text === 'N') {
      this.#opened(url);
      if (text === null && this.#state === 'open') this.onmessage?.(event);
    } else if (text === 'R') {
      this.#lost(1013, 'no member available');
    } else {
      this.#redirect(url, text.slice(1));
    }
  }

  #redirect(from, to) {
    let url;
    try {
      url = target(to, from.href);
    } catch {
      return this.#finish(1006, `redirect to invalid URI ${to}`);
    }
    if (from.protocol === 'wss:' && url.protocol === 'ws:') {
      return this.#finish(1006, `redirect from wss to ${bare(url)} refused`);
    }
    if (this.#visited.has(url.href)) return this.#finish(1006, `redirect loop at ${bare(url)}`);
    if (this.#visited.size > this.#o.maxRedirects) {
      return this.#finish(1006, `more than ${this.#o.maxRedirects} redirects`);
    }
    this.#drop();
    this.#dial(url);
  }

  #opened(url) {
    this.#cancel();
    this.#socket.binaryType = this.#o.binaryType;
    this.#openedAt = this.#clock.now();
    this.#member = bare(url);
    this.#enter('open', { uri: bare(this.#origin), member: this.#member });
    if (this.#state === 'open') this.onopen?.({ member: this.#member, protocol: this.protocol });
  }

  #refused(url, res) {
    if ([301, 302, 307, 308].includes(res.statusCode) && res.headers.location) {
      return this.#redirect(url, res.headers.location);
    }
    const reason = `HTTP status ${res.statusCode}`;
    if (res.statusCode < 500 && ![408, 425, 429].includes(res.statusCode)) return this.#finish(1006, reason);
    if (res.statusCode === 503 || res.statusCode === 429) {
      this.#minWait = retryAfter(res.headers['retry-after'], this.#clock.now());
    }
    this.#lost(1006, reason);
  }

  #lost(code, reason) {
    if (!RETRY.has(code)) return this.#finish(code, reason);
    const wasOpen = this.#state === 'open';
    if (wasOpen && this.#clock.now() - this.#openedAt >= this.#o.stableAfter) this.#retries = 0;
    this.#drop();
    if (wasOpen) this.onclose?.({ code, reason, willReconnect: true });
    if (this.#state === 'closed') return;
    const first = this.#retries === 0 && code === 1006;
    const bound = first ? this.#o.lossDelay : Math.min(this.#o.maxDelay, this.#o.baseDelay * 2 ** this.#retries);
    const delay = this.#minWait + this.#clock.random() * bound;
    this.#retries++;
    this.#enter('waiting', { uri: bare(this.#origin), delay, code, reason });
    if (this.#state === 'waiting') this.#wait(delay, () => this.#start());
  }

  #finish(code, reason) {
    this.#drop();
    this.#enter('closed', { uri: bare(this.#origin), code, reason });
    this.onclose?.({ code, reason, willReconnect: false });
  }

  // drop lets go of the socket: nothing it says later is heard.
  #drop() {
    this.#cancel();
    const ws = this.#socket;
    this.#socket = null;
    this.#member = null;
    if (ws && ws.readyState < 2) ws.close(...(ws.readyState === 1 ? [1000] : []));
  }

  #enter(state, detail) {
    this.#state = state;
    this.onstate?.({ state, ...detail });
  }

  #wait(ms, fn) {
    this.#cancel();
    this.#timer = this.#clock.setTimeout(fn, ms);
  }

  #cancel() {
    if (this.#timer !== null) this.#clock.clearTimeout(this.#timer);
    this.#timer = null;
  }
}

// Cookies are what the hosts of one client have set (RFC 6265, without Domain),
// among them the one by which a balancer knows the member a client had.
class Cookies {
  #all = [];

  // keep takes those of the answer res that url gave.
  keep(url, res, now) {
    for (const line of res.headers['set-cookie'] ?? []) {
      const [pair, ...attributes] = line.split(';').map((s) => s.trim());
      const at = pair.indexOf('=');
      if (at < 1) continue;
      const c = { host: url.hostname, name: pair.slice(0, at), pair, path: url.pathname.replace(/\/[^/]*$/, '') || '/', until: Infinity };
      for (const a of attributes) {
        const [, name, value] = /^([^=]*)=?(.*)$/.exec(a);
        switch (name.toLowerCase()) {
          case 'path': if (value[0] === '/') c.path = value; break;
          case 'expires': c.until = c.aged ? c.until : Date.parse(value) || 0; break;
          case 'max-age': c.until = now + Number(value) * 1000; c.aged = true; break;
          case 'secure': c.secure = true; break;
        }
      }
      this.#all = this.#all.filter((o) => o.host !== c.host || o.name !== c.name || o.path !== c.path);
      if (c.until > now) this.#all.push(c);
    }
  }

  // of is the Cookie header for a request for url, '' for none.
  of(url, now) {
    const within = (path) => url.pathname === path || url.pathname.startsWith(path.endsWith('/') ? path : path + '/');
    return this.#all
      .filter((c) => c.host === url.hostname && c.until > now && within(c.path) && (!c.secure || url.protocol === 'wss:'))
      .map((c) => c.pair).join('; ');
  }
}

// target is the WebSocket URL to dial for uri, with ".kl=Y" in its query.
function target(uri, base) {
  const url = new URL(uri, base);
  if (url.protocol === 'http:') url.protocol = 'ws:';
  if (url.protocol === 'https:') url.protocol = 'wss:';
  if (url.protocol !== 'ws:' && url.protocol !== 'wss:') throw new TypeError(`not a WebSocket URI: ${uri}`);
  url.hash = '';
  if (!url.search.slice(1).split('&').includes('.kl=Y')) {
    url.search += (url.search ? '&' : '?') + '.kl=Y';
  }
  return url;
}

// bare is the URI without ".kl=Y", as a person knows it.
function bare(url) {
  const query = url.search.slice(1).split('&').filter((p) => p !== '' && p !== '.kl=Y').join('&');
  return `${url.protocol}//${url.host}${url.pathname}${query && '?' + query}`;
}

// directive is the text behind U+F0FF of a message 'N' or 'R…', else null.
function directive(data) {
  if (data instanceof ArrayBuffer) {
    const b = new Uint8Array(data);
    if (b[0] !== 0xef || b[1] !== 0x83 || b[2] !== 0xbf) return null;
    data = new TextDecoder().decode(b);
  }
  if (typeof data !== 'string' || data[0] !== '\uf0ff') return null;
  const text = data.slice(1);
  return text === 'N' || text[0] === 'R' ? text : null;
}

// retryAfter is the header's wish in ms: seconds or an HTTP date, at most an hour.
function retryAfter(value, now) {
  if (!value) return 0;
  const ms = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - now;
  return Math.min(Math.max(ms || 0, 0), 3600000);
}
