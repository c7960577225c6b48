import { rmSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { MountError, MountyardError } from '../../lib/errors.ts';
import { parseMountinfo } from '../../lib/formats/mountinfo.ts';
import { formatSnapshot, parseSnapshot } from '../../lib/formats/snapshot.ts';
import type { RestoreOptions } from '../../lib/plan/options/options.ts';
import { UnmetRequirementsError } from '../../lib/plan/options/requirements.ts';
import { planRestore } from '../../lib/plan/restore.ts';
import { UNKNOWN_HOST } from '../../lib/plan/unknown-host.ts';
import { compileRestore } from '../../lib/program/compile.ts';
import { inspectHostHolding } from '../../lib/system/inspect/inspect.ts';
import { executeSync } from '../../lib/system/restore/execute.ts';
import { restoreTreeSync } from '../../lib/system/restore/restore.ts';
import { HostileRootfs, hostileTargets } from '../support/hostile-rootfs.ts';
import { BOTH_ENGINES } from '../support/live.ts';
import { expectNoLeakedFds } from '../support/open-fds.ts';
import { isMachineRoot } from '../support/privilege.ts';
import { mountTable } from '../support/scratch-mount.ts';

const ROOT = '1 0 8:1 / / rw,relatime - ext4 /dev/sda1 rw';
const tableOf = (...lines: string[]) => parseMountinfo(`${[ROOT, ...lines].join('\n')}\n`);

/** What a stranger's table may ask for at /a/b/c of the root filesystem. */
const WISHES = {
  'a directory is mounted there': tableOf('2 1 0:2 / /a/b/c rw,relatime - tmpfs t rw'),
  'a file is mounted there': tableOf(
    '2 1 0:2 / /other rw,relatime - tmpfs t rw',
    '3 1 0:2 /f /a/b/c rw,relatime - tmpfs t rw',
  ),
  'it is bound from there': tableOf('2 1 8:1 /a/b/c /other rw,relatime - ext4 /dev/sda1 rw'),
  'a mount is placed on what is bound from there': tableOf(
    '2 1 8:1 /a/b /other rw,relatime - ext4 /dev/sda1 rw',
    '3 2 0:2 / /other/c rw,relatime - tmpfs t rw',
  ),
} as const;
type Wish = keyof typeof WISHES;

const COMPONENTS = ['a', 'a/b', 'a/b/c'] as const;
const KINDS = [
  'absolute',
  'relative',
  'up too far',
  'dangling',
  'to another place in it',
  'magic',
  'magic, of process 1',
] as const;
const LOOPS = ['to itself', 'to the directory above', 'endless'] as const;

function refusalOf(work: () => Disposable): MountyardError {
  try {
    using _done = work();
  } catch (error) {
    if (error instanceof MountyardError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}

describe.skipIf(!isMachineRoot).each(BOTH_ENGINES)(
  'symlinks in a stranger’s root filesystem (CVE-2019-16884, CVE-2023-27561, CVE-2021-30465, CVE-2015-1334, CVE-2015-1335): %s',
  (engine) => {
    expectNoLeakedFds();

    describe.each(Object.keys(WISHES) as Wish[])('%s', (wish) => {
      const tree = WISHES[wish];

      test.each([...KINDS, ...LOOPS])('a link, %s, at any component of the path is refused', (kind) => {
        for (const [index, component] of COMPONENTS.entries()) {
          if (wish === 'a mount is placed on what is bound from there' && component !== 'a/b/c') continue;
          using rootfs = new HostileRootfs();
          for (const path of ['a/b/c', 'other']) rootfs.directory(path);
          const depth = component.split('/').length - 1;
          rootfs.link(component, hostileTargets(rootfs, depth)[kind] as string);
          const before = { table: mountTable(), files: rootfs.list() };
          const options = { engine, root: rootfs.path, makeMountPoints: index > 0 };
          const refusal = refusalOf(() => restoreTreeSync(tree, options));
          expect(refusal).toBeInstanceOf(UnmetRequirementsError);
          expect(refusal.message).toMatch(/symlink/);
          expect({ table: mountTable(), files: rootfs.list() }).toEqual(before);
          rootfs.expectNothingOutside();
        }
      });

      test('a link that comes after inspection is refused by the kernel', () => {
        for (const component of COMPONENTS) {
          for (const kind of KINDS) {
            using rootfs = rootfsFor(wish);
            const depth = component.split('/').length - 1;
            const target = hostileTargets(rootfs, depth)[kind] as string;
            const before = mountTable();
            const restore = () =>
              restoreAfter(tree, { engine, root: rootfs.path }, () => rootfs.link(component, target));
            if (wish === 'a file is mounted there' && component === 'a/b/c') {
              // A file can be mounted on a link itself, which nothing follows then.
              using _done = restore();
              rootfs.expectNothingOutside();
              continue;
            }
            const refusal = refusalOf(restore);
            expect(refusal).toBeInstanceOf(MountError);
            expect((refusal as MountError).code).toMatch(/^(?:ELOOP|EXDEV|EINVAL)$/);
            expect((refusal as MountError).mount).toBeGreaterThan(1);
            expect(mountTable()).toBe(before);
            rootfs.expectNothingOutside();
          }
        }
      });
    });

    test.each<[string, readonly string[]]>([
      ['a directory', ['2 1 0:2 / /a/b/new/t rw,relatime - tmpfs t rw']],
      [
        'a file (CVE-2024-45310)',
        ['2 1 0:2 / /other rw,relatime - tmpfs t rw', '3 1 0:2 /f /a/b/new/t rw,relatime - tmpfs t rw'],
      ],
    ])('%s that is missing is not made through a link, before inspection or after', (_, lines) => {
      const tree = tableOf(...lines);
      for (const component of ['a', 'a/b', 'a/b/new', 'a/b/new/t']) {
        for (const kind of KINDS) {
          for (const late of [false, true]) {
            using rootfs = new HostileRootfs();
            for (const path of ['a/b', 'other/b']) rootfs.directory(path);
            const depth = component.split('/').length - 1;
            const put = () => rootfs.link(component, hostileTargets(rootfs, depth)[kind] as string);
            const options = { engine, root: rootfs.path, makeMountPoints: true };
            const refusal = late
              ? refusalOf(() => restoreAfter(tree, options, put))
              : refusalOf(() => {
                  put();
                  return restoreTreeSync(tree, options);
                });
            expect(refusal).toBeInstanceOf(late ? MountError : UnmetRequirementsError);
            rootfs.expectNothingOutside();
            rmSync(rootfs.in(component));
            const own = ['a', 'a/b', 'other', 'other/b', ...(component === 'a/b/new/t' ? ['a/b/new'] : [])];
            expect(rootfs.list().filter((path) => !own.includes(path))).toEqual([]);
          }
        }
      }
    });

    test('below a host directory that the caller named, links are refused, too', () => {
      using rootfs = new HostileRootfs();
      rootfs.directory('other');
      rootfs.link('shared/way', rootfs.outside);
      const tree = tableOf(
        '2 1 8:2 /data /a rw,relatime - ext4 /dev/sdb1 rw',
        '3 1 8:2 /data/way /other rw,relatime - ext4 /dev/sdb1 rw',
      );
      rootfs.directory('a');
      const options = { engine, root: rootfs.path, external: { '/a': rootfs.in('shared') } };
      const refusal = refusalOf(() => restoreTreeSync(tree, options));
      expect(refusal).toBeInstanceOf(UnmetRequirementsError);
      expect(refusal.message).toMatch(/symlink/);
      rootfs.expectNothingOutside();
    });
  },
);

/** The rootfs that a wish needs when nobody attacks. */
function rootfsFor(wish: Wish): HostileRootfs {
  const rootfs = new HostileRootfs();
  if (wish === 'a file is mounted there') rootfs.file('a/b/c');
  else rootfs.directory('a/b/c');
  // What a link to it could stand for: who follows one finds all that is needed.
  for (const path of ['other/b/c', 'other/c']) rootfs.directory(path);
  return rootfs;
}

/** Restores, with something done between inspection and the first call. */
function restoreAfter(tree: (typeof WISHES)[Wish], options: RestoreOptions, between: () => void): Disposable {
  const { facts, held } = inspectHostHolding(tree, options);
  using _held = held;
  const plan = planRestore(tree, options, facts);
  const program = compileRestore(plan);
  between();
  const { trees, effects } = executeSync({ plan, program, held, place: { kind: 'thread' } });
  effects[Symbol.dispose]();
  return {
    [Symbol.dispose]() {
      for (const fds of trees) for (const fd of Object.values(fds)) fd.close();
    },
  };
}

describe('a mount point that is written so that it leads through a link', () => {
  test.each(['/link/', '/link/.', '/link/..', '/link/../x', '//link', '/./link', '/link//x'])(
    '%s',
    (path) => {
      const text = `${ROOT}\n2 1 0:2 / ${path} rw,relatime - tmpfs t rw\n`;
      const tree = parseMountinfo(text);
      expect(tree.problems.map(({ code }) => code)).toContain('dot-dot');
      const again = parseSnapshot(formatSnapshot({ namespaces: [tree] }));
      expect(() => planRestore(again, { root: '/nowhere' }, UNKNOWN_HOST)).toThrow(
        /component that is no name/,
      );
    },
  );
});
