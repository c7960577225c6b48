'use strict';

// Runs one program in a plain Node, which vitest's loader has no part in: for other users, tracers and workers.
// The request comes as JSON in the environment, its bytes in base64; the result goes to standard output.

const path = require('node:path');

const native = process.env.MOUNTYARD_ADDON
  ? require(process.env.MOUNTYARD_ADDON)
  : require('node-gyp-build')(path.join(__dirname, '../..'));
const { program, place, twice } = JSON.parse(process.env.REQUEST);
const bytes = (text) => Buffer.from(text, 'base64');
const request = {
  program: bytes(program),
  imports: new Int32Array(0),
  place:
    place.kind === 'thread'
      ? place
      : {
          ...place,
          uidMap: bytes(place.uidMap),
          setgroups: bytes(place.setgroups),
          gidMap: bytes(place.gidMap),
        },
};

if (twice) native.run(request).then((result) => print([result, native.runSync(request)]));
else print(native.runSync(request));

function print(value) {
  process.stdout.write(JSON.stringify(value));
}
