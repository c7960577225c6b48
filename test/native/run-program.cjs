'use strict';

// Runs one program in a plain Node, which vitest's loader has no part in: for other users, tracers and kills.
// The request comes as JSON on standard input, its bytes in base64; the result goes to standard output.

const { readFileSync } = require('node:fs');
const path = require('node:path');

const native = process.env.MOUNTYARD_ADDON
  ? require(path.resolve(process.env.MOUNTYARD_ADDON))
  : require('node-gyp-build')(path.join(__dirname, '../..'));
const { program, place, twice } = JSON.parse(readFileSync(0, 'utf8'), (_, value) =>
  value?.base64 === undefined ? value : Buffer.from(value.base64, 'base64'),
);
const request = { program, imports: new Int32Array(0), place };

if (twice) {
  const run = native.start(request);
  run.over.then(() => print([run.take(), native.runSync(request)]));
} else print(native.runSync(request));

function print(value) {
  process.stdout.write(JSON.stringify(value));
}
