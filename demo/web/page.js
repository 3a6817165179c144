// Puts the panels of the demo page together.

import { Connection } from './connection.js';
import { Timeline } from './timeline.js';
import { startBare } from './bare.js';
import { startMany } from './many.js';

const base = `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}`;
const timeline = new Timeline();
new Connection(`${base}/echo`, timeline);
startMany(`${base}/spread`);
startBare(`${base}/echo`);
