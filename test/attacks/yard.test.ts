import { spawnSync } from 'node:child_process';
import { fstatSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { O } from '../../lib/flags.ts';
import { parseMountinfo } from '../../lib/formats/mountinfo.ts';
import type { DecodedOp } from '../../lib/program/decode.ts';
import { NO_SLOT } from '../../lib/program/format.ts';
import * as sys from '../../lib/sys.ts';
import { readWhole } from '../../lib/system/calls/files.ts';
import { restoreTree } from '../../lib/system/restore/restore.ts';
import { wideTable } from '../support/big-trees.ts';
import { BOTH_ENGINES } from '../support/live.ts';
import { closeAll, mainOps, OpByOp } from '../support/op-by-op.ts';
import { expectNoLeakedFds } from '../support/open-fds.ts';
import { plannedTables } from '../support/planned.ts';
import { isMachineRoot } from '../support/privilege.ts';
import { mountTable, ScratchMount } from '../support/scratch-mount.ts';
import { AS_NOBODY } from '../support/unprivileged.ts';

const TREE = parseMountinfo(`1 0 0:1 / / rw,relatime - tmpfs root rw
2 1 0:2 / /a rw,relatime shared:1 - tmpfs disk rw
3 1 0:2 /d /b rw,relatime master:1 - tmpfs disk rw
`);

/** Where the yard's own directories are told from the ones that a program may meet: they have numbers for names. */
const PARKED = /^\/\d+(?:\/|$)/;

/** The paths that an op looks up from no fd of the program's own. */
function ambientPaths({ name, a, b, s1, s2 }: DecodedOp): (string | undefined)[] {
  switch (name) {
    case 'mount':
      return [s2];
    case 'umount2':
    case 'chroot':
      return [s1];
    case 'pivot_root':
      return [s1, s2];
    case 'symlinkat':
      return a === NO_SLOT ? [s2] : [];
    case 'move_mount':
    case 'renameat2':
      return [...(a === NO_SLOT ? [s1] : []), ...(b === NO_SLOT ? [s2] : [])];
    case 'fsopen':
    case 'fsconfig':
      return [];
    default:
      return a === NO_SLOT && s1 !== undefined ? [s1] : [];
  }
}

describe.each(BOTH_ENGINES)('a program for a table: %s', (engine) => {
  const ops = plannedTables(engine).flatMap(mainOps);

  test('looks up no name of the host, which somebody else could have made: only roots and its own directory', () => {
    const paths = new Set(ops.flatMap(ambientPaths));
    expect([...paths].filter((path) => !['/', '/..', '.'].includes(path ?? ''))).toEqual([]);
    expect(ops.length).toBeGreaterThan(1_000);
  });

  test('makes and removes nothing but below its own fds', () => {
    const changing = ops.filter(({ name }) =>
      ['mkdirat', 'mknodat', 'symlinkat', 'unlinkat', 'renameat2', 'fchmodat', 'fchownat'].includes(name),
    );
    expect(changing.length).toBeGreaterThan(100);
    expect(changing.filter(({ a }) => a === NO_SLOT)).toEqual([]);
  });
});

describe.skipIf(!isMachineRoot)('the yard', () => {
  expectNoLeakedFds();

  test('is private, of mode 700, and in no namespace but its own, at every op', () => {
    using scratch = new ScratchMount();
    sys.makeShared(scratch.path);
    using steps = new OpByOp(TREE, { engine: 'yard' });
    const before = mountTable();
    const proc = steps.importSlot('proc');
    let looks = 0;
    for (let count = 1; count <= steps.ops.length; count += 1) {
      const fds = steps.run(
        count,
        [
          'openat2',
          { a: proc, s1: 'thread-self/mountinfo', f1: O.CLOEXEC, out: steps.exportSlot('mountinfo') },
        ],
        // What covers the root is above it; and there is no name for it anywhere else.
        ['openat2', { s1: '/..', f1: O.CLOEXEC | O.PATH | O.DIRECTORY, out: steps.exportSlot('root') }],
      );
      const { mounts } = parseMountinfo(readWhole(fds.mountinfo as sys.OwnedFd));
      const parked = mounts.filter(({ mountPoint }) => PARKED.test(mountPoint));
      if (parked.length > 0) {
        looks += 1;
        const { mode, uid, gid } = fstatSync((fds.root as sys.OwnedFd).number);
        expect({ mode: mode & 0o7777, uid, gid }).toEqual({ mode: 0o700, uid: 0, gid: 0 });
        const peers = mounts.filter(({ source, propagation }) => propagation.shared && source !== 'disk');
        expect(peers).toEqual([]);
      }
      closeAll(fds);
      expect(mountTable()).toBe(before);
    }
    expect(looks).toBeGreaterThan(5);
    sys.makePrivate(scratch.path);
  });

  test('cannot be entered by another user while it stands', async () => {
    const wide = parseMountinfo(wideTable(1500));
    const controller = new AbortController();
    const building = restoreTree(wide, { engine: 'yard', signal: controller.signal });
    const script = `for i in 1 2 3 4 5 6 7 8; do for task in /proc/${process.pid}/task/*; do
      ls $task/root/0 $task/root/.. $task/cwd && echo ENTERED; done; done 2>/dev/null`;
    const [file = '', ...args] = [...AS_NOBODY, 'sh', '-c', script];
    const { stdout } = spawnSync(file, args, { encoding: 'utf8' });
    expect(stdout).toBe('');
    using restored = await building;
    expect(restored.differences).toEqual([]);
  });
});
