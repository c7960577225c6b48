import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { UsageError } from '../../lib/errors.ts';
import { parseMountinfo } from '../../lib/formats/mountinfo.ts';
import type { MountTree } from '../../lib/model/tree.ts';
import type { RestoreOptions } from '../../lib/plan/options/options.ts';
import * as sys from '../../lib/sys.ts';
import { captureTree } from '../../lib/system/capture/capture.ts';
import { probe } from '../../lib/system/inspect/probe.ts';
import { MountNamespace } from '../../lib/system/namespaces/namespace.ts';
import { restoreTreeSync } from '../../lib/system/restore/restore.ts';
import { verifyTree } from '../../lib/system/restore/verify.ts';
import { inside } from '../support/inside.ts';
import { BOTH_ENGINES } from '../support/live.ts';
import { expectNoLeakedFds } from '../support/open-fds.ts';
import { isMachineRoot } from '../support/privilege.ts';
import { expectUnmet } from '../support/refusal.ts';
import { mountTable, ScratchMount } from '../support/scratch-mount.ts';

const canMake = isMachineRoot && probe().privileges.userNamespace === true;

/** A host path with a stack, a read-only mount and a file mounted below it, and a mount beside it. */
class Host extends ScratchMount {
  readonly disk = this.tmpfs('disk', 'mode=755');
  readonly a = join(this.disk, 'a');

  constructor() {
    super();
    for (const name of ['x', 'z', 'own', '../b']) mkdirSync(join(this.a, name), { recursive: true });
    writeFileSync(join(this.a, 'file'), '');
    sys.mount('under', join(this.a, 'x'), { type: 'tmpfs', options: 'mode=755' });
    sys.mount('over', join(this.a, 'x'), { type: 'tmpfs', options: 'mode=755' });
    mkdirSync(join(this.a, 'x/in'));
    sys.mount('z', join(this.a, 'z'), { type: 'tmpfs', flags: ['RDONLY', 'NOSUID'] });
    sys.bind(join(this.a, 'file'), join(this.a, 'file'));
    sys.mount('beside', join(this.disk, 'b'), { type: 'tmpfs' });
  }
}

/** One mount below /sys, wherever the machine has others. */
class MountBelowSys implements Disposable {
  readonly path = '/sys/kernel';

  constructor() {
    sys.mount('below', this.path, { type: 'tmpfs' });
  }

  [Symbol.dispose](): void {
    sys.umount(this.path, ['DETACH']);
  }
}

const ROOT = '1 0 0:1 / / rw,relatime - tmpfs root rw,mode=755';
const A = '2 1 8:1 / /a rw,relatime - ext4 /dev/vda rw';

function tree(...lines: readonly string[]): MountTree {
  return parseMountinfo([ROOT, A, ...lines, ''].join('\n'));
}

const places = ({ mounts }: MountTree) => mounts.map(({ mountPoint, source }) => `${mountPoint} ${source}`);
const BROUGHT = ['/a/file disk', '/a/x over', '/a/x under', '/a/z z'];

describe.skipIf(!canMake).each(BOTH_ENGINES)('a recursive bind: %s', (engine) => {
  expectNoLeakedFds();
  const IN_ONE = { engine, userNamespace: 'self' } as const;
  const options = (host: Host, rest: RestoreOptions = IN_ONE): RestoreOptions => ({
    ...rest,
    external: { '/a': host.a },
    recursive: ['/a'],
  });

  test.each<[string, RestoreOptions]>([
    ['in a user namespace', IN_ONE],
    ['as root', { engine }],
  ])('what is mounted below comes along, and is part of the target: %s', (_, rest) => {
    using host = new Host();
    const before = mountTable();
    {
      using restored = restoreTreeSync(tree('3 1 0:3 / /t ro,relatime - tmpfs t rw'), options(host, rest));
      expect(restored.differences).toEqual([]);
      expect(places(restored.tree).sort()).toEqual(['/ root', '/a disk', ...BROUGHT, '/t t']);
      expect(places(restored.target.tree).sort()).toEqual(['/ root', '/a disk', ...BROUGHT, '/t t']);
      expect(restored.tree.at('/a/z')?.options).toEqual(expect.arrayContaining(['ro', 'nosuid']));
      expect(restored.report.broughtAlong.map(({ mountPoint }) => mountPoint).sort()).toEqual([
        '/a/file',
        '/a/x',
        '/a/x',
        '/a/z',
      ]);
      const namespace = restored.namespace as MountNamespace;
      expect(verifyTree(restored.target, namespace.capture())).toEqual([]);
      inside(namespace, () => sys.umount('/t'));
      const without = verifyTree(restored.target, namespace.capture());
      expect(without.map(({ kind, mount }) => [kind, mount.mountPoint])).toEqual([['missing', '/t']]);
    }
    expect(mountTable()).toBe(before);
  });

  test('a master outside the tree is dropped of what comes along', () => {
    using host = new Host();
    const follower = tree('3 2 0:3 / /a/z ro,nosuid,relatime master:9 - tmpfs z ro');
    using restored = restoreTreeSync(follower, options(host, { ...IN_ONE, ignoreHostPropagation: true }));
    expect(restored.differences).toEqual([]);
    expect(restored.report.ignoredMasters.map(({ mount, master }) => [mount.mountPoint, master])).toEqual([
      ['/a/z', 9],
    ]);
  });

  test('it supplies the mounts of the tree that are the same, with groups of their own', () => {
    using host = new Host();
    const wanted = tree(
      '3 2 0:3 / /a/x rw,relatime shared:4 - tmpfs captured-under rw',
      '4 3 0:4 / /a/x rw,relatime shared:3 - tmpfs captured-over rw',
      '5 2 0:5 / /a/own rw,relatime - tmpfs own rw',
    ).map((mount) => (mount.id === 2 ? { ...mount, propagation: { shared: 2, unbindable: false } } : mount));
    const topmost = wanted.map((mount) =>
      mount.id === 3 ? { ...mount, propagation: { unbindable: false } } : mount,
    );
    using restored = restoreTreeSync(topmost, options(host));
    expect(restored.differences).toEqual([]);
    expect(places(restored.tree).sort()).toEqual(['/ root', '/a disk', ...BROUGHT, '/a/own own'].sort());
    expect(restored.report.broughtAlong.map(({ mountPoint }) => mountPoint).sort()).toEqual([
      '/a/file',
      '/a/z',
    ]);
    expect(restored.report.skipped).toEqual([]);
    expect(restored.tree.at('/a')?.propagation.shared).toBeGreaterThan(0);
    expect(restored.tree.at('/a/x')?.propagation.shared).toBeGreaterThan(0);
    expect(restored.tree.at('/a/z')?.propagation).toEqual({ unbindable: false });
  });

  test('as the root, with a mount of the tree on it', () => {
    using host = new Host();
    const wanted = parseMountinfo(
      '1 0 8:1 / / rw,relatime shared:1 - ext4 /dev/vda rw\n2 1 0:5 / /own ro,relatime - tmpfs own rw\n',
    );
    using restored = restoreTreeSync(wanted, { ...IN_ONE, root: host.a, recursive: ['/'] });
    expect(restored.differences).toEqual([]);
    expect(restored.tree.size).toBe(2 + BROUGHT.length);
  });

  test('at a directory, twice over, and away again', () => {
    using host = new Host();
    using scratch = new ScratchMount();
    const before = mountTable();
    const wanted = parseMountinfo(
      '1 0 8:1 / / rw,relatime shared:1 - ext4 /dev/vda rw\n2 1 8:1 / /own rw,relatime - ext4 /dev/vda rw\n',
    );
    const twice = { root: host.a, external: { '/own': host.a }, recursive: ['/', '/own'] };
    const restored = restoreTreeSync(wanted, { ...twice, engine, into: { at: scratch.directory('at') } });
    expect(restored.differences).toEqual([]);
    expect(restored.tree.size).toBe(2 + 2 * BROUGHT.length);
    restored.release();
    expect(mountTable()).toBe(before);
  });

  test('in a namespace that exists, as its root', () => {
    using host = new Host();
    using namespace = MountNamespace.create({ from: 'empty' });
    const wanted = parseMountinfo('1 0 8:1 / / rw,relatime shared:1 - ext4 /dev/vda rw\n');
    using restored = namespace.restoreSync(wanted, { root: host.a, recursive: ['/'], engine });
    expect(restored.differences).toEqual([]);
    expect(namespace.capture().size).toBe(1 + BROUGHT.length);
  });

  test('of a file, and of what an unbindable mount stands below', () => {
    using host = new Host();
    sys.makeUnbindable(join(host.a, 'z'));
    using alone = restoreTreeSync(tree('3 2 0:3 / /a/x rw,relatime - tmpfs u rw'), {
      engine,
      external: { '/a': host.a },
      recursive: ['/a'],
    });
    expect(alone.differences).toEqual([]);
    expect(places(alone.tree)).not.toContain('/a/z z');
    using inOne = restoreTreeSync(tree(), options(host)); // a copy of the namespace keeps none unbindable
    expect(inOne.differences).toEqual([]);
    expect(places(inOne.tree)).toContain('/a/z z');
    using file = restoreTreeSync(tree(), {
      ...IN_ONE,
      external: { '/a': join(host.a, 'file') },
      recursive: ['/a'],
    });
    expect(file.differences).toEqual([]);
  });

  test('what is not the same there is named, and left out it is the host’s', async () => {
    using host = new Host();
    const wanted = tree(
      '3 2 0:3 / /a/x rw,relatime - tmpfs u rw',
      '4 3 0:4 / /a/x rw,noexec,relatime - tmpfs o rw',
      '5 2 0:5 / /a/z ro,nosuid,relatime - proc proc rw',
      '6 4 0:6 / /a/x/in rw,relatime - tmpfs in rw',
      '7 2 8:1 /file /a/file rw,relatime shared:7 - ext4 /dev/vda rw',
      '8 1 8:1 /file /copy rw,relatime shared:7 - ext4 /dev/vda rw',
    );
    const refused = await expectUnmet(wanted, options(host), [
      ['source', '/a/x'],
      ['source', '/a/z'],
      ['group-root', '/a/file'],
      ['source', '/a/x/in'],
      ['source', '/copy'],
    ]);
    expect(refused[0]?.reason).toMatch(
      / is rw,noexec,relatime, and what the recursive bind of .* there is rw,relatime/,
    );
    expect(refused[1]?.reason).toMatch(
      / shows \/ of a proc, and the recursive bind of .* brings \/ of a tmpfs there/,
    );
    expect(refused[2]?.reason).toContain('shares peer group 7 with others');
    expect(refused[3]?.reason).toContain('is left as it is');
    expect(refused[0]?.cures[0]).toMatchObject({
      option: 'skip',
      effect: expect.stringContaining('stays there'),
    });
    const left = { ...options(host), skip: ['#3', '/a/z', '/a/file', '/copy'] };
    using restored = restoreTreeSync(wanted, left);
    expect(restored.differences).toEqual([]);
    expect(places(restored.tree).sort()).toEqual(['/ root', '/a disk', ...BROUGHT]);
  });

  test('nothing below: an ordinary bind, which may share with others', () => {
    using host = new Host();
    const wanted = parseMountinfo(
      `${ROOT}\n2 1 8:1 / /a rw,relatime shared:2 - ext4 /dev/vda rw\n3 1 8:1 / /c rw,relatime shared:2 - ext4 /dev/vda rw\n`,
    );
    using restored = restoreTreeSync(wanted, {
      ...IN_ONE,
      external: { '/a': join(host.a, 'own') },
      recursive: ['/a'],
    });
    expect(restored.differences).toEqual([]);
  });

  test('of a mount that the host does not supply it is a mistake', () => {
    expect(() => restoreTreeSync(tree(), { ...IN_ONE, recursive: ['/'] })).toThrow(UsageError);
  });
});

describe.skipIf(!canMake)('what a user namespace may not make', () => {
  test('the sysfs of the host, recursively: the refusal names the very options', async () => {
    using below = new MountBelowSys();
    const flags = captureTree().at('/sys')?.options;
    const wanted = parseMountinfo(`${ROOT}\n2 1 0:2 / /sys ${flags} - sysfs sysfs rw\n`);
    const [refused] = await expectUnmet(wanted, { userNamespace: 'self' }, [['filesystem', '/sys']]);
    expect(refused?.cures.map(({ cli }) => cli)).toContain('--external /sys=/sys --recursive /sys');
    const before = mountTable();
    {
      const all = { userNamespace: 'self', external: { '/sys': '/sys' }, recursive: ['/sys'] } as const;
      using restored = restoreTreeSync(wanted, all);
      expect(restored.differences).toEqual([]);
      const places = captureTree()
        .mounts.map(({ mountPoint }) => mountPoint)
        .filter((path) => path.startsWith('/sys/'));
      expect(places).toContain(below.path);
      expect(restored.report.broughtAlong.map(({ mountPoint }) => mountPoint).sort()).toEqual(places.sort());
      expect(restored.tree.size).toBe(2 + places.length);
    }
    expect(mountTable()).toBe(before);
  });
});
