// Our client for JavaScript in Node: node client.js URI prints a line for each
// change of state, and echoes once on each connection, until it is killed.
import WebSocket from 'ws';
import { Client } from '../../client/js/kzfast.js';

const client = new Client(process.argv[2], { WebSocket, lossDelay: 300, baseDelay: 200 });
client.onstate = (e) => {
  console.log(`state ${e.state} ${e.member ?? ''}`);
  if (e.state === 'open') client.send(`hello ${e.member}`);
};
client.onmessage = (e) => console.log(`echo ${e.data}`);
