'use strict';

// Serves an empty root directory on fd 3, in the protocol of fuse(4) 7.31; everything else is ENOSYS.

const { readSync, writeSync } = require('node:fs');

const DEVICE = 3;
const [GETATTR, FORGET, INIT] = [3, 2, 26];
const ENOSYS = 38;

function answer(unique, error, body = Buffer.alloc(0)) {
  const header = Buffer.alloc(16);
  header.writeUInt32LE(header.length + body.length, 0);
  header.writeInt32LE(-error, 4);
  header.writeBigUInt64LE(unique, 8);
  writeSync(DEVICE, Buffer.concat([header, body]));
}

function initialized() {
  const body = Buffer.alloc(64);
  body.writeUInt32LE(7, 0);
  body.writeUInt32LE(31, 4);
  body.writeUInt32LE(4096, 20); // max_write
  return body;
}

function rootAttributes() {
  const body = Buffer.alloc(104);
  body.writeBigUInt64LE(3600n, 0); // seconds that they are valid
  body.writeBigUInt64LE(1n, 16); // inode
  body.writeUInt32LE(0o40755, 16 + 60); // mode
  body.writeUInt32LE(2, 16 + 64); // links
  return body;
}

const request = Buffer.alloc(1 << 17);
for (;;) {
  try {
    readSync(DEVICE, request);
  } catch {
    break; // ENODEV: unmounted
  }
  const opcode = request.readUInt32LE(4);
  const unique = request.readBigUInt64LE(8);
  if (opcode === INIT) answer(unique, 0, initialized());
  else if (opcode === GETATTR) answer(unique, 0, rootAttributes());
  else if (opcode !== FORGET) answer(unique, ENOSYS);
}
