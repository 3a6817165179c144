/** Times are in milliseconds. */
export interface ClientOptions {
  /** Subprotocols to offer. */
  protocols?: string | string[];
  /** Constructor to use; default globalThis.WebSocket. On Node 20 pass the one of package 'ws'. */
  WebSocket?: new (url: string, protocols?: string | string[]) => any;
  /** How binary messages are delivered; default 'arraybuffer'. */
  binaryType?: 'arraybuffer' | 'blob' | 'nodebuffer';
  /** Redirects followed in one attempt; default 5. */
  maxRedirects?: number;
  /** Retry n waits random(0, min(maxDelay, baseDelay * 2**n)); default 500. */
  baseDelay?: number;
  /** Default 30000. */
  maxDelay?: number;
  /** Bound of the first wait after an abrupt loss (1006); default 1000. */
  lossDelay?: number;
  /** Open for so long, a connection makes n start at 0 again; default 60000. */
  stableAfter?: number;
  /** For one socket's handshake; default 10000. */
  connectTimeout?: number;
  /** A server silent for so long after the handshake counts as open; default 3000. */
  directiveTimeout?: number;
  /** For tests. */
  clock?: Partial<Clock>;
  onstate?: ((event: StateEvent) => void) | null;
  onopen?: ((event: OpenEvent) => void) | null;
  onmessage?: ((event: { data: any }) => void) | null;
  onclose?: ((event: CloseInfo) => void) | null;
}

export interface Clock {
  setTimeout(fn: () => void, ms: number): unknown;
  clearTimeout(timer: any): void;
  now(): number;
  random(): number;
}

export type State = 'connecting' | 'open' | 'waiting' | 'closed';

/** Which fields are present depends on the state. */
export interface StateEvent {
  state: State;
  /** The original URI. */
  uri: string;
  /** connecting: attempts since the last stable connection. */
  attempt?: number;
  /** open: URI of the member that answers. */
  member?: string;
  /** waiting: time until the next attempt. */
  delay?: number;
  /** waiting, closed: why. */
  code?: number;
  reason?: string;
}

export interface OpenEvent {
  member: string;
  protocol: string;
}

export interface CloseInfo {
  code: number;
  reason: string;
  /** False when the client has ended for good. */
  willReconnect: boolean;
}

/**
 * A WebSocket that finds its member through a balancer URI and reconnects to
 * that URI after close codes 1001, 1005, 1006 and 1011 to 1014. It ends for
 * good after close(), any other code, an HTTP status below 500 other than 408,
 * 425 and 429 where it can be seen, and a redirect that loops, leads from wss
 * to ws, or is one too many.
 */
export class Client {
  /** Connects at once. Throws on an invalid URI or when there is no WebSocket. */
  constructor(uri: string | URL, options?: ClientOptions);
  onstate: ((event: StateEvent) => void) | null;
  onopen: ((event: OpenEvent) => void) | null;
  onmessage: ((event: { data: any }) => void) | null;
  onclose: ((event: CloseInfo) => void) | null;
  readonly state: State;
  readonly member: string | null;
  readonly uri: string;
  readonly protocol: string;
  readonly bufferedAmount: number;
  /** False, and the data is dropped, unless open. */
  send(data: string | ArrayBuffer | ArrayBufferView | Blob): boolean;
  close(code?: number, reason?: string): void;
}
