import { rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { UndoError } from '../../lib/errors.ts';
import { parseMountinfo } from '../../lib/formats/mountinfo.ts';
import { MountTree } from '../../lib/model/tree.ts';
import * as sys from '../../lib/sys.ts';
import { MountNamespace } from '../../lib/system/namespaces/namespace.ts';
import { restoreTreeSync } from '../../lib/system/restore/restore.ts';
import { verifyTree } from '../../lib/system/restore/verify.ts';
import { outcomeOf } from '../support/commands.ts';
import { BOTH_ENGINES } from '../support/live.ts';
import { LxcHost, lxcTree } from '../support/lxc-host.ts';
import { isMachineRoot } from '../support/privilege.ts';
import { ScratchMount } from '../support/scratch-mount.ts';
import { failEveryCall } from './every-call.ts';
import { arm, disarm, ERRNOS, type Errno, errnoOf, type Fault } from './hook.ts';
import { OPERATIONS } from './operations.ts';
import { expectUnchanged, stateOf } from './state.ts';

const HOURS = 6 * 3_600_000;
const SMALL = parseMountinfo('1 0 0:1 / / rw,relatime - tmpfs root rw\n');

describe.skipIf(!isMachineRoot)('whichever call fails, nothing is left and the error says which', () => {
  test.each(Object.entries(OPERATIONS))(
    '%s',
    async (_, run) => {
      using scratch = new ScratchMount();
      sys.makeShared(scratch.path);
      const tally = await failEveryCall({ path: scratch.path, run: () => run(scratch) });
      expect(tally.cases).toBeGreaterThan(5);
    },
    HOURS,
  );

  test('a command is not run, and says why, or does not notice', async () => {
    using namespace = MountNamespace.create();
    const before = stateOf('/proc/self/net');
    const spawned = async (fault: string) => {
      const env = { ...process.env, MOUNTYARD_FAULT: fault };
      const child = namespace.spawn('/bin/echo', ['inside'], {
        uid: 0,
        env,
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      let err = '';
      child.stderr?.on('data', (data) => {
        err += String(data);
      });
      return { ...(await outcomeOf(child)), err };
    };
    // Those of a copy of the program in memory come first, and again, each with another errno.
    for (let call = 1; call <= 2 * ERRNOS.length; call += 1) {
      const errno = ERRNOS[call % ERRNOS.length] as Errno;
      const outcome = await spawned(`${call}:${errnoOf(errno)}`);
      if (outcome.status === 0) expect(outcome).toEqual({ status: 0, out: 'inside\n', err: '' });
      else {
        expect({ status: outcome.status, out: outcome.out }).toEqual({ status: 125, out: '' });
        expect(outcome.err).toMatch(/^mountyard-enter: \S.*: \S/);
      }
    }
    await expectUnchanged(before, '/proc/self/net');
  });
});

test.skipIf(!isMachineRoot)(
  'a root that was replaced stays so when nobody can tell who was left behind',
  () => {
    const replaceRoot = (fault?: Fault) => {
      using namespace = MountNamespace.create({ from: 'empty' });
      arm(fault);
      using restored = namespace.restoreSync(SMALL);
      const calls = disarm();
      expect(verifyTree(SMALL, namespace.capture())).toEqual([]);
      return { calls, report: restored.report };
    };
    replaceRoot(); // what is opened once
    const { calls } = replaceRoot();
    const fault = { at: calls.lastIndexOf('getdents64') + 1, action: errnoOf('ENOMEM') };
    const { leftBehind, leftBehindUnknown } = replaceRoot(fault).report;
    expect(leftBehind).toBeUndefined();
    expect(leftBehindUnknown).toMatch(/^getdents64\(.*\) = ENOMEM/);
  },
);

describe.skipIf(!isMachineRoot).each(BOTH_ENGINES)('undoing that fails, too: %s', (engine) => {
  test('is an error of its own, which lists what is left', async () => {
    using host = new LxcHost({ leavePrivate: ['debugfs', 'disk'], engine });
    rmdirSync(join(host.rootfs, 'sys'));
    const options = { ...host.options, shareSources: true, makeMountPoints: true };
    const run = () => restoreTreeSync(lxcTree(), options).release();
    const before = stateOf(host.disk);
    arm();
    run();
    const calls = disarm();
    putBack(host);
    // The last thing but one that a restore does is to hand back what it made.
    const at = calls.lastIndexOf('pivot_root') + 1;
    const left: string[] = [];
    for (let after = 1; after <= 4; after += 1) {
      arm({ at, action: errnoOf('EBUSY'), next: { after, action: errnoOf('EPERM') } });
      const error = failureOf(run);
      disarm();
      expect(error).toBeInstanceOf(UndoError);
      expect(error).toMatchObject({
        code: 'ERR_MOUNTYARD_UNDO',
        cause: { code: 'EBUSY', syscall: 'pivot_root' },
      });
      expect(error.message).toContain('could not be taken back');
      expect(error.left.join('\n')).toContain('= EPERM');
      for (const line of error.left) expect(error.message).toContain(line);
      left.push(...error.left);
      putBack(host);
      await expectUnchanged(before, host.disk);
    }
    for (const call of ['setns(', 'unlinkat(', 'mount_setattr('])
      expect(left.some((line) => line.startsWith(call))).toBe(true);
  });

  test('is told with an error that is none of its own, too', async () => {
    using scratch = new ScratchMount();
    const at = scratch.directory('at');
    const before = stateOf(scratch.path);
    const defect = new TypeError('a defect in what reads the tree back');
    const run = (fault?: Fault) => {
      const subtree = vi.spyOn(MountTree.prototype, 'subtree').mockImplementationOnce(() => {
        arm(fault);
        throw defect;
      });
      try {
        restoreTreeSync(SMALL, { into: { at }, engine });
      } finally {
        subtree.mockRestore();
      }
    };
    expect(() => run()).toThrow(defect);
    const calls = disarm();
    await expectUnchanged(before, scratch.path);
    const error = failureOf(() => run({ at: calls.lastIndexOf('umount2') + 1, action: errnoOf('EPERM') }));
    disarm();
    expect(error).toBeInstanceOf(UndoError);
    expect(error.cause).toBe(defect);
    expect(error.left).toEqual([expect.stringMatching(/umount2\(.*\) = EPERM/)]);
    expect(error.message).toContain(defect.message);
    sys.umount(at, ['DETACH']);
    await expectUnchanged(before, scratch.path);
  });
});

function failureOf(run: () => void): UndoError {
  try {
    run();
  } catch (error) {
    return error as UndoError;
  }
  throw new Error('nothing failed');
}

/** What the plan announces that it changes. */
function putBack(host: LxcHost): void {
  rmSync(join(host.rootfs, 'sys'), { recursive: true, force: true });
  sys.makePrivate(host.disk);
  sys.makePrivate(host.windows.debugfs);
}
