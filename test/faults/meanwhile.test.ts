import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { MountyardError } from '../../lib/errors.ts';
import type { MountTree } from '../../lib/model/tree.ts';
import type { RestoreOptions } from '../../lib/plan/options/options.ts';
import * as sys from '../../lib/sys.ts';
import { restoreTree } from '../../lib/system/restore/restore.ts';
import { BOTH_ENGINES } from '../support/live.ts';
import { LxcHost, lxcTree } from '../support/lxc-host.ts';
import { isMachineRoot } from '../support/privilege.ts';
import { answersOfWorkers } from '../support/workers.ts';
import { FULL } from './every-call.ts';
import { ACTION, arm, callCount, disarm, resume } from './hook.ts';
import { expectUnchanged, stateOf } from './state.ts';

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
