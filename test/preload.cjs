'use strict';

// Loaded by `node --require` before Node starts a thread: gives the process a private mount namespace, so that
// synchronous and asynchronous fs agree and nothing a test mounts reaches the machine. Without CAP_SYS_ADMIN
// nothing can be mounted, and nothing is done.

const { readFileSync } = require('node:fs');
const path = require('node:path');

const CAP_SYS_ADMIN = 21n;
const CLONE_NEWNS = 0x20000;
const MS_REC_PRIVATE = 0x44000n; // MS_REC | MS_PRIVATE
const LOADED = Symbol.for('mountyard.test.preload');

function isAdministrator() {
  const [, effective] = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'latin1'));
  return ((BigInt(`0x${effective}`) >> CAP_SYS_ADMIN) & 1n) === 1n;
}

function enterPrivateNamespace() {
  const root = path.join(__dirname, '..');
  const { sys } = process.env.MOUNTYARD_ADDON
    ? require(path.resolve(process.env.MOUNTYARD_ADDON))
    : require('node-gyp-build')(root);
  const must = (call, value) => {
    if (value < 0) throw new Error(`test/preload.cjs: ${call}: errno ${-value}`);
  };
  must('unshare(CLONE_NEWNS)', sys.unshare(CLONE_NEWNS));
  must('mount("/", MS_REC|MS_PRIVATE)', sys.mount(null, Buffer.from('/'), null, MS_REC_PRIVATE, null));
}

if (!globalThis[LOADED] && isAdministrator()) enterPrivateNamespace();
globalThis[LOADED] = true;
