// One round of package ws through the balancer: node ws.js URI TEXT [REDIRECTS]
// prints the URI of the member that echoed.
import WebSocket from 'ws';

const [uri, text, redirects] = process.argv.slice(2);
const socket = new WebSocket(uri, { followRedirects: redirects !== '0', handshakeTimeout: 10000 });
socket.on('open', () => socket.send(text));
socket.on('message', (data) => {
  if (String(data) !== text) fail(`echo ${data}`);
  console.log(socket.url);
  socket.close(1000);
});
socket.on('close', (code) => process.exit(code === 1000 ? 0 : 1));
socket.on('error', (e) => fail(e.message));

function fail(why) {
  console.error(why);
  process.exit(1);
}
