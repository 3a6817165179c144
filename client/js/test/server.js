// A test server: each path has a script of what to do with its next sockets.
import { once } from 'node:events';
import { createServer } from 'node:http';
import { WebSocketServer } from 'ws';

export const N = Buffer.from('\uf0ffN');
export const R = (uri = '') => Buffer.from('\uf0ffR' + uri);

export async function startServer(t) {
  const http = createServer();
  const wss = new WebSocketServer({ noServer: true });
  const server = { requests: [], sockets: [], handlers: {}, refuse: {}, cookies: {} };
  wss.on('headers', (headers, req) => {
    for (const c of server.cookies[req.url.split('?')[0]] ?? []) headers.push(`Set-Cookie: ${c}`);
  });
  http.on('upgrade', (req, socket, head) => {
    const path = req.url.split('?')[0];
    server.requests.push(req.url);
    const answer = server.refuse[path]?.shift?.();
    if (answer) return socket.end(`HTTP/1.1 ${answer}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
    wss.handleUpgrade(req, socket, head, (ws) => {
      server.sockets.push(ws);
      ws.on('error', () => {});
      server.handlers[path]?.(ws, req);
    });
  });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  server.base = `ws://127.0.0.1:${http.address().port}`;
  t.after(() => {
    wss.clients.forEach((ws) => ws.terminate());
    http.closeAllConnections();
    http.close();
  });
  return server;
}

// echo is a service: directive, then everything comes back.
export function echo(ws) {
  ws.send(N);
  ws.on('message', (data, binary) => ws.send(data, { binary }));
}
