import { Worker } from 'node:worker_threads';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BusyTableError, captureTree, MountNamespace } from '../../lib/index.ts';
import { atOnce } from '../../lib/model/pausing.ts';
import * as sys from '../../lib/sys.ts';
import { native } from '../../lib/system/calls/native.ts';
import { readTable } from '../../lib/system/capture/table.ts';
import { addonPath } from '../support/addon.ts';
import { expectNoLeakedFds } from '../support/open-fds.ts';
import { isRoot } from '../support/privilege.ts';
import { ScratchMount } from '../support/scratch-mount.ts';

const POLLERR = 8;
const CAPTURES = 200;
/** More than a page of mountinfo, so that it is not read in one moment. */
const BALLAST = 60;

/** Mounts, puts beneath, moves and unmounts until word 0 is set; counts its rounds in word 1. */
const CHURN = `
  const { workerData: { addon, place, control } } = require('node:worker_threads');
  const { sys } = require(addon);
  const bytes = Buffer.from;
  const words = new Int32Array(control);
  const [a, b, tmpfs] = [bytes(place + '/a'), bytes(place + '/b'), bytes('tmpfs')];
  while (Atomics.load(words, 0) === 0) {
    sys.mount(tmpfs, a, tmpfs, 0n, null);
    sys.mkdirat(-100, bytes(place + '/a/in'), 0o755);
    sys.mount(tmpfs, bytes(place + '/a/in'), tmpfs, 0n, null);
    sys.mount(a, b, null, 0x2000n, null); // MS_MOVE
    sys.umount2(b, 2);
    Atomics.add(words, 1, 1);
  }
`;

describe.skipIf(!isRoot)('a table that changes while it is read, as root', () => {
  let scratch: ScratchMount;
  let worker: Worker;
  const words = new Int32Array(new SharedArrayBuffer(8));

  beforeAll(async () => {
    scratch = new ScratchMount();
    for (let i = 0; i < BALLAST; i += 1) scratch.tmpfs(`ballast-${i}`);
    scratch.directory('a');
    scratch.directory('b');
    worker = new Worker(CHURN, {
      eval: true,
      workerData: { addon: addonPath(), place: scratch.path, control: words.buffer },
    });
    while (Atomics.load(words, 1) < 10) await new Promise((resolve) => setTimeout(resolve, 5));
  });
  afterAll(async () => {
    Atomics.store(words, 0, 1);
    await new Promise((resolve) => worker.once('exit', resolve));
    scratch[Symbol.dispose]();
  });

  test(`is captured ${CAPTURES} times as it was at one moment`, () => {
    const before = Atomics.load(words, 1);
    using own = MountNamespace.current();
    for (let i = 0; i < CAPTURES; i += 1) {
      const tree = i % 2 === 0 ? captureTree() : captureTree({ fd: own.fd });
      expect(tree.problems).toEqual([]);
      expect(tree.mounts.filter(({ source }) => source.startsWith('ballast-'))).toHaveLength(BALLAST);
    }
    expect(Atomics.load(words, 1)).toBeGreaterThan(before);
  });
});

describe.skipIf(!isRoot)('a table that never rests, as root', () => {
  expectNoLeakedFds();

  test('is given up in words, after many readings', () => {
    using table = sys.openat2('/proc/thread-self/mountinfo');
    const alwaysChanged = { ...native.sys, pollNow: () => POLLERR };
    expect(() => atOnce(readTable(table, {}, alwaysChanged))).toThrow(BusyTableError);
    expect(() => atOnce(readTable(table, {}, alwaysChanged))).toThrow('changed during each of 100 readings');
  });
});
