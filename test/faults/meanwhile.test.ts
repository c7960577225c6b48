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
import { ACTION, arm, callCount, callsMade, disarm, resume } from './hook.ts';
import { children, expectUnchanged, stateOf } from './state.ts';

const MINUTES = 10 * 60_000;
const STEPS = FULL ? 1_000 : 12;

/** Starts a restore, which stops before call `at`, does something, and lets it go on. Answers its error, if any. */
async function meanwhile(
  at: number,
  tree: MountTree,
  options: RestoreOptions,
  act: () => void,
  signal?: AbortSignal,
) {
  arm({ at, action: ACTION.wait });
  let settled = false;
  const outcome = restoreTree(tree, { ...options, ...(signal && { signal }) })
    .then(
      (restored) => restored.release(),
      (error: unknown) => error,
    )
    .finally(() => {
      settled = true;
    });
  try {
    while (callCount() < at && !settled) await new Promise(setImmediate);
    act();
  } finally {
    resume();
    await outcome;
    disarm();
  }
  return outcome;
}

/** The names of the calls of a whole restore. */
async function callsOf(tree: MountTree, options: RestoreOptions): Promise<string[]> {
  (await restoreTree(tree, options)).release(); // the first in a process makes trials that the others need not make
  arm();
  const restored = await restoreTree(tree, options);
  const calls = disarm();
  restored.release();
  return calls;
}

const MARGIN = 12;

/** Calls that the thread of a restore makes; those before are made by the main thread, which must not wait. */
async function callsOfRun(tree: MountTree, options: RestoreOptions): Promise<number[]> {
  const calls = await callsOf(tree, options);
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

    // The parent waits for the child with these, and they come between the child's own calls where they like.
    const PARENTS_CALLS = ['ppoll', 'recvmsg'];
    const prctlsOf = (calls: readonly string[]) =>
      calls.flatMap((call, index) => (call === 'prctl' ? [index] : []));

    test.each([
      // Whoever makes a new one is alone in it until its maps are written: the child hides by its third prctl.
      ['a new one', false, 3],
      ['one that there was before', true, 2],
    ])('nor followed by its links in /proc: %s', async (_, enters, hidesBy) => {
      using namespace = MountNamespace.create({ userNamespace: 'self' });
      const options: RestoreOptions = enters
        ? { into: { namespace, at: '/mnt' } }
        : { userNamespace: 'self' };
      const calls = await callsOf(tree, options);
      const attached = calls.lastIndexOf('move_mount');
      const hides = prctlsOf(calls.slice(0, calls.lastIndexOf('clone', attached))).length + hidesBy;
      const isHiddenAt = (at: number) => {
        const made = callsMade().slice(0, at);
        if (PARENTS_CALLS.includes(made.pop() ?? '')) return false; // where the child is cannot be said
        return prctlsOf(made).length >= hides;
      };
      let looks = 0;
      for (let at = (prctlsOf(calls)[hides - 1] ?? attached) + 2; at <= attached + 1; at += 1) {
        const error = await meanwhile(at, tree, options, () => {
          if (!isHiddenAt(at)) return;
          looks += children().length;
          expect(open()).toEqual([]);
        });
        expect(error).toBeUndefined();
      }
      expect(looks).toBeGreaterThan(5);
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
