import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { MountyardError } from '../../lib/errors.ts';
import { parseMountinfo } from '../../lib/formats/mountinfo.ts';
import type { MountTree } from '../../lib/model/tree.ts';
import type { RestoreOptions } from '../../lib/plan/options/options.ts';
import * as sys from '../../lib/sys.ts';
import { MountNamespace } from '../../lib/system/namespaces/namespace.ts';
import { restoreTree } from '../../lib/system/restore/restore.ts';
import { RestoredTree } from '../../lib/system/restore/restored.ts';
import { BOTH_ENGINES } from '../support/live.ts';
import { LxcHost, lxcTree } from '../support/lxc-host.ts';
import { isMachineRoot } from '../support/privilege.ts';
import { answersOfWorkers } from '../support/workers.ts';
import { FULL } from './every-call.ts';
import { ACTION, arm, callCount, disarm, resume } from './hook.ts';
import { children, expectUnchanged, stateOf } from './state.ts';

const MINUTES = 10 * 60_000;
const STEPS = FULL ? 1_000 : 12;

/** Starts a restore, which stops before call `at`, does something, and lets it go on. */
async function meanwhile(
  at: number,
  tree: MountTree,
  options: RestoreOptions,
  act: () => void,
  signal?: AbortSignal,
) {
  arm({ at, action: ACTION.wait });
  const restoring = restoreTree(tree, { ...options, ...(signal && { signal }) });
  let settled = false;
  const settle = () => {
    settled = true;
  };
  restoring.then(settle, settle);
  while (callCount() < at && !settled) await new Promise(setImmediate);
  act();
  resume();
  try {
    (await restoring).release();
    return undefined;
  } catch (error) {
    return error;
  } finally {
    disarm();
  }
}

const MARGIN = 12;

/** Calls that the thread of a restore makes; those before are made by the main thread, which must not wait. */
async function callsOfRun(tree: MountTree, options: RestoreOptions): Promise<number[]> {
  (await restoreTree(tree, options)).release(); // the first in a process makes trials that the others need not make
  arm();
  const restored = await restoreTree(tree, options);
  const calls = disarm();
  restored.release();
  const last = calls.findLastIndex((call) => call === 'move_mount' || call === 'pivot_root') + 1;
  // With it the thread begins; the main thread's calls before it may be some more or less.
  const first = calls.lastIndexOf('umask', last) + 1 + MARGIN;
  const step = Math.max(1, (last - first) / STEPS);
  const count = Math.max(0, Math.ceil((last - first) / step));
  return Array.from({ length: count }, (_, index) => Math.floor(first + index * step));
}

/** Those after the last of a name, up to that which moves a mount last. */
async function callsFrom(beginning: string, tree: MountTree, options: RestoreOptions): Promise<number[]> {
  (await restoreTree(tree, options)).release();
  arm();
  const restored = await restoreTree(tree, options);
  const calls = disarm();
  restored.release();
  const last = calls.lastIndexOf('move_mount') + 1;
  const first = calls.lastIndexOf(beginning, last) + 2;
  return Array.from({ length: last - first }, (_, index) => first + index);
}

afterEach(() => {
  disarm();
});

describe.skipIf(!isMachineRoot).each(BOTH_ENGINES)('while a restore runs: %s', (engine) => {
  test(
    'an AbortSignal at each call takes everything back',
    async () => {
      using host = new LxcHost({ leavePrivate: ['debugfs'], engine });
      const options = { ...host.options, shareSources: true, into: { at: host.directory('at') } };
      const calls = await callsOfRun(lxcTree(), options);
      sys.makePrivate(host.windows.debugfs);
      const before = stateOf(host.disk);
      for (const at of calls) {
        const controller = new AbortController();
        const abort = () => controller.abort(new Error('enough'));
        const error = await meanwhile(at, lxcTree(), options, abort, controller.signal);
        expect(error).toMatchObject({ code: 'ERR_MOUNTYARD_CANCELLED' });
        await expectUnchanged(before, host.disk);
      }
      expect(calls.length).toBeGreaterThan(5);
    },
    MINUTES,
  );

  test(
    'an AbortSignal between two turns of the event loop takes everything back, or comes too late',
    async () => {
      using host = new LxcHost({ engine });
      const options = { ...host.options, into: { at: host.directory('at') } };
      (await restoreTree(lxcTree(), options)).release();
      const before = stateOf(host.disk);
      const ended = { cancelled: 0, whole: 0 };
      for (let turns = 0; ended.whole < 5; turns += 1 + (turns >> 3)) {
        const controller = new AbortController();
        const restoring = restoreTree(lxcTree(), { ...options, signal: controller.signal });
        const outcome = restoring.then(
          (restored) => restored,
          (error: unknown) => error,
        );
        for (let turn = 0; turn < turns; turn += 1) await new Promise(setImmediate);
        controller.abort(new Error('enough'));
        const result = await outcome;
        if (result instanceof RestoredTree) {
          expect(result.differences).toEqual([]);
          result.release();
          ended.whole += 1;
        } else {
          expect(result).toMatchObject({ code: 'ERR_MOUNTYARD_CANCELLED' });
          ended.cancelled += 1;
        }
        await expectUnchanged(before, host.disk);
      }
      expect(ended.cancelled).toBeGreaterThan(3);
    },
    MINUTES,
  );

  test(
    'a source that is unmounted is still restored, because it is held, or refused',
    async () => {
      using host = new LxcHost({ engine });
      const calls = await callsOfRun(lxcTree(), host.options);
      for (const at of calls) {
        using again = new LxcHost({ engine });
        const before = stateOf(again.rootfs);
        const error = await meanwhile(at, lxcTree(), again.options, () => {
          sys.umount(again.windows.debugfs, ['DETACH']);
        });
        if (error !== undefined) expect(error).toBeInstanceOf(MountyardError);
        sys.mount('debugfs', again.windows.debugfs, { type: 'debugfs' });
        expect({ ...stateOf(again.rootfs), mounts: '' }).toMatchObject({ fds: before.fds, processes: [] });
      }
    },
    MINUTES,
  );
});

/** Those of this process's children whose links in /proc can be followed by root of the user namespace that they are in. */
function open(): string[] {
  return children().filter((pid) => {
    const words = [`--user=/proc/${pid}/ns/user`, '--preserve-credentials', 'readlink', `/proc/${pid}/root`];
    return spawnSync('nsenter', words).status === 0;
  });
}

describe.skipIf(!isMachineRoot)(
  'the process that builds in a user namespace is not to be traced from there',
  () => {
    const tree = parseMountinfo('1 0 0:1 / / rw - tmpfs root rw\n2 1 0:2 / /a rw - tmpfs a rw\n');

    test('nor followed by its links in /proc: in a new one, and in one that there was before', async () => {
      using namespace = MountNamespace.create({ userNamespace: 'self' });
      const looks = { new: 0, old: 0 };
      // Whoever makes a new one is alone in it until its maps are written.
      for (const [which, options, beginning] of [
        ['new', { userNamespace: 'self' }, 'prctl'],
        ['old', { into: { namespace, at: '/mnt' } }, 'umask'],
      ] as const) {
        const calls = await callsFrom(beginning, tree, options);
        for (const at of calls) {
          const error = await meanwhile(at, tree, options, () => {
            looks[which] += children().length;
            expect(open()).toEqual([]);
          });
          expect(error).toBeUndefined();
        }
      }
      expect(looks.new).toBeGreaterThan(5);
      expect(looks.old).toBeGreaterThan(5);
    });
  },
);

test.skipIf(!isMachineRoot)('worker threads restore at once, and leave nothing', async () => {
  const library = new URL('../../dist/index.js', import.meta.url).href;
  const code = `
    import(${JSON.stringify(library)}).then(({ parseMountinfo, restoreTree, restoreTreeSync }) => {
      const tree = parseMountinfo('1 0 0:1 / / rw - tmpfs r rw\\n2 1 0:2 / /a rw shared:1 - tmpfs d rw\\n');
      const synchronous = restoreTreeSync(tree);
      return Promise.all([restoreTree(tree), restoreTree(tree)]).then((all) => {
        for (const restored of [synchronous, ...all]) restored.release();
        require('node:worker_threads').parentPort.postMessage(all.map(({ differences }) => differences.length));
      });
    });`;
  const folder = join(process.cwd(), 'docs');
  const before = stateOf(folder);
  expect(await answersOfWorkers(4, code)).toEqual(Array(4).fill([0, 0]));
  expect(stateOf(folder)).toMatchObject({ mounts: before.mounts, processes: [] });
});
