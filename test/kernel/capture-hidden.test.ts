import { mkdirSync, renameSync, rmdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import {
  captureTree,
  diffTrees,
  formatMountinfo,
  formatSnapshot,
  type MountTree,
  parseMountinfo,
  parseSnapshot,
  renderTree,
  restoreTreeSync,
  UnmetRequirementsError,
} from '../../lib/index.ts';
import { UNREACHABLE } from '../../lib/model/mount.ts';
import { atOnce } from '../../lib/model/pausing.ts';
import * as sys from '../../lib/sys.ts';
import { native } from '../../lib/system/calls/native.ts';
import { readTable } from '../../lib/system/capture/table.ts';
import { inside } from '../support/inside.ts';
import { bindTo, directory, LiveNamespace, mountTmpfs } from '../support/live.ts';
import { expectNoLeakedFds } from '../support/open-fds.ts';
import { isMachineRoot, isRoot } from '../support/privilege.ts';
import { ScratchMount } from '../support/scratch-mount.ts';

/** Parent and mount point of each mount, by its source. */
function placesOf(tree: MountTree): Record<string, string> {
  return Object.fromEntries(
    tree.mounts.map((mount) => [mount.source, `${tree.parentOf(mount)?.source ?? ''} ${mount.mountPoint}`]),
  );
}

/** Renames in the filesystem at a path of the namespace, where neither directory is a mount point of the caller. */
function renameFromOutside(live: LiveNamespace, filesystem: string, from: string, to: string): void {
  using root = live.do(() => sys.openat2(filesystem, { flags: ['PATH', 'DIRECTORY'] }));
  const at = `/proc/self/fd/${root.number}`;
  renameSync(`${at}${from}`, `${at}${to}`);
}

function escapedMounts(): LiveNamespace {
  const live = new LiveNamespace(() => {
    mountTmpfs('/d', '', 'base');
    directory('/d/a/b/c');
    bindTo('/d/a/b', '/x');
    mountTmpfs('/x/c', '', 'escaped');
    mountTmpfs('/x/c/in', '', 'in it');
    mountTmpfs('/x/c', '', 'on it');
    mountTmpfs('/last', '', 'last');
  });
  renameFromOutside(live, '/d', '/a/b/c', '/a/c');
  return live;
}

describe.skipIf(!isMachineRoot)('mounts whose mount point was moved out of what their parent shows', () => {
  expectNoLeakedFds();

  test('are captured by fd, by path and by what holds the namespace, with all that is on them', () => {
    using live = escapedMounts();
    const file = `/proc/self/fd/${live.namespace.fd.number}`;
    const trees = [live.capture(), captureTree({ fd: live.namespace.fd }), captureTree({ ns: file })];
    for (const tree of trees) {
      expect(tree.problems).toEqual([]);
      expect(placesOf(tree)).toEqual({
        root: ' /',
        base: 'root /x',
        escaped: `base ${UNREACHABLE}`,
        'in it': `escaped ${UNREACHABLE}`,
        'on it': `escaped ${UNREACHABLE}`,
        last: 'root /last',
      });
    }
    const [tree] = trees as [MountTree];
    expect(formatMountinfo(tree).toString()).not.toMatch(/escaped|in it|on it/);
    expect(parseSnapshot(formatSnapshot({ namespaces: [tree] })).namespaces).toEqual([tree]);
    expect(renderTree(tree)).toContain(UNREACHABLE);
  });

  test('are there, too, when what their parent shows was deleted', () => {
    using live = escapedMounts();
    using root = live.do(() => sys.openat2('/d', { flags: ['PATH', 'DIRECTORY'] }));
    rmdirSync(`/proc/self/fd/${root.number}/a/b`);
    const tree = live.capture();
    expect(tree.problems).toEqual([]);
    expect(tree.at('/x')?.deleted).toBe(true);
    expect(() => restoreTreeSync(tree)).toThrow(/moved out of \/a\/b, which mount \d+ at \/x shows/);
  });

  test('of the caller are captured, too', () => {
    using scratch = new ScratchMount();
    mkdirSync(scratch.at('a/b/c'), { recursive: true });
    sys.bind(scratch.at('a/b'), scratch.directory('x'));
    sys.mount('escaped', scratch.at('x/c'), { type: 'tmpfs' });
    using other = new LiveNamespace();
    using root = sys.openat2(scratch.path, { flags: ['PATH', 'DIRECTORY'] });
    inside(other.namespace, () => {
      process.chdir('/');
      native.sys.fchdir(root.number);
      renameSync('a/b/c', 'a/c');
    });
    const tree = captureTree();
    expect(tree.problems).toEqual([]);
    expect(placesOf(tree).escaped).toBe(`scratch ${UNREACHABLE}`);
  });

  test('are refused by a restore, which says how they come back, and can be left out', () => {
    using live = escapedMounts();
    const tree = live.capture();
    const escaped = tree.mounts.find(({ source }) => source === 'escaped');
    const refusal = () => restoreTreeSync(tree);
    expect(refusal).toThrow(UnmetRequirementsError);
    expect(refusal).toThrow(
      /1 requirement is not met:\n.*"escaped", is on a directory that was moved out of \/a\/b, which mount \d+ at \/x shows/,
    );
    using restored = restoreTreeSync(tree, { skip: [`#${escaped?.id}`] });
    expect(restored.differences).toEqual([]);
    expect(diffTrees(tree, restored.tree).map(({ kind, mount }) => [kind, mount.source])).toEqual([
      ['missing', 'escaped'],
    ]);
    renameFromOutside(live, '/d', '/a/c', '/a/b/c');
    expect(placesOf(live.capture())).toMatchObject({ escaped: 'base /x/c', 'on it': 'escaped /x/c' });
  });
});

describe.skipIf(!isMachineRoot)('a covered root whose namespace is younger than it', () => {
  expectNoLeakedFds();
  const table = (rest: string) =>
    parseMountinfo(
      `1 0 0:1 / / rw,relatime - tmpfs low rw\n2 1 0:2 / / rw,relatime - tmpfs cover rw\n3 2 0:3 / / rw,relatime - tmpfs top rw\n4 3 0:4 / /in rw,relatime - tmpfs in rw\n${rest}`,
    );

  test('is seen below its covers by fd and by path', () => {
    using restored = restoreTreeSync(table(''), { engine: 'detached' });
    const fd = restored.namespaces[0]?.fd;
    for (const tree of [
      captureTree({ ns: `/proc/self/fd/${fd?.number}` }),
      restored.namespaces[0]?.capture(),
    ]) {
      expect(placesOf(tree as MountTree)).toEqual({
        low: ' /',
        cover: 'low /',
        top: 'cover /',
        in: 'top /in',
      });
    }
  });

  test('and what else is under the covers is seen by what holds the root, and otherwise said to be there', () => {
    using restored = restoreTreeSync(table('5 1 0:5 / /under rw,relatime - tmpfs under rw\n'), {
      engine: 'detached',
    });
    const namespace = restored.namespaces[0];
    expect(placesOf(namespace?.capture() as MountTree)).toMatchObject({ under: 'low /under' });
    const outside = captureTree({ ns: `/proc/self/fd/${namespace?.fd.number}` });
    expect(outside.problems).toEqual([]);
    expect(placesOf(outside)).toMatchObject({ under: `low ${UNREACHABLE}`, in: 'top /in' });
    expect(() => restoreTreeSync(outside)).toThrow(
      /"under", is somewhere under the cover of mount \d+ at \//,
    );
  });
});

describe.skipIf(!isMachineRoot).each(['detached', 'yard'] as const)(
  'a namespace that the %s engine made, whose root is replaced later',
  (engine) => {
    expectNoLeakedFds();

    test.each(['', '3 1 0:3 / / rw,relatime - tmpfs cover rw\n'])(
      'is captured from its new root',
      (cover) => {
        const tree = parseMountinfo(
          `1 0 0:1 / / rw,relatime - tmpfs old rw\n2 1 0:2 / /new rw,relatime - tmpfs new rw\n${cover}`,
        );
        using restored = restoreTreeSync(tree, { engine });
        const [namespace] = restored.namespaces;
        if (!namespace) throw new Error('no namespace');
        inside(namespace, () => {
          if (cover) sys.umount('/', ['DETACH']);
        });
        inside(namespace, () => {
          directory('/new/was');
          sys.pivotRoot('/new', '/new/was');
          process.chdir('/');
        });
        expect(placesOf(namespace.capture())).toEqual({ new: ' /', old: 'new /was' });
      },
    );
  },
);

describe.skipIf(!isRoot)('a change of propagation alone', () => {
  expectNoLeakedFds();

  test('during a reading of more than a page is noticed, and the table read again', () => {
    using scratch = new ScratchMount();
    for (let i = 0; i < 60; i += 1) scratch.tmpfs(`ballast-${i}`);
    using table = sys.openat2('/proc/thread-self/mountinfo');
    let looks = 0;
    const sharing: typeof native.sys.sharing = (ids, namespace) => {
      looks += 1;
      if (looks <= 2) sys.makeShared(scratch.at(`ballast-${looks}`));
      return native.sys.sharing(ids, namespace);
    };
    const tree = atOnce(readTable(table, {}, { ...native.sys, sharing }));
    expect(looks).toBe(3);
    for (const name of ['ballast-1', 'ballast-2'])
      expect(tree.at(scratch.at(name))?.propagation.shared).toBeGreaterThan(0);
    expect(tree.at(scratch.at('ballast-3'))?.propagation.shared).toBeUndefined();
  });

  test('is noticed in the text where the kernel tells no ids', () => {
    using scratch = new ScratchMount();
    for (let i = 0; i < 60; i += 1) scratch.tmpfs(`ballast-${i}`);
    using table = sys.openat2('/proc/thread-self/mountinfo');
    const place = scratch.at('ballast-7');
    let looks = 0;
    const sharing = () => {
      looks += 1;
      if (looks === 1) sys.makeShared(place);
      return -38; // ENOSYS
    };
    expect(
      atOnce(readTable(table, {}, { ...native.sys, sharing })).at(place)?.propagation.shared,
    ).toBeDefined();
    expect(looks).toBe(2);
  });
});
