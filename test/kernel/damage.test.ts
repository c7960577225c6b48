import { mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parseMountinfo } from '../../lib/formats/mountinfo.ts';
import type { DifferenceKind } from '../../lib/model/difference.ts';
import type { Mount } from '../../lib/model/mount.ts';
import type { MountTree } from '../../lib/model/tree.ts';
import * as sys from '../../lib/sys.ts';
import { captureTree } from '../../lib/system/capture/capture.ts';
import { idmapNamespace } from '../../lib/system/namespaces/userns.ts';
import { restoreTreeSync } from '../../lib/system/restore/restore.ts';
import type { RestoredTree } from '../../lib/system/restore/restored.ts';
import { verifyTree } from '../../lib/system/restore/verify.ts';
import { FuseMount, hasFuse } from '../support/fuse.ts';
import { inside } from '../support/inside.ts';
import { isMachineRoot } from '../support/privilege.ts';
import { ScratchMount } from '../support/scratch-mount.ts';

/** Two mounts of one filesystem, with the relation that /b has to /a and the root that it shows. */
function pair(a: string, b: string, root = '/'): MountTree {
  return asDirectories(
    parseMountinfo(
      [
        '1 0 0:1 / / rw,relatime - tmpfs root rw',
        `2 1 0:2 / /a rw,relatime${a} - tmpfs disk rw,size=64k`,
        `3 1 0:2 ${root} /b rw,relatime${b} - tmpfs disk rw,size=64k`,
        '',
      ].join('\n'),
    ),
  );
}

function asDirectories(tree: MountTree): MountTree {
  return tree.map((mount): Mount => ({ ...mount, kind: 'directory' }));
}

interface Damage {
  readonly tree: MountTree;
  readonly damage: () => void;
  /** Where the one difference is. */
  readonly at: string;
}

const PRIVATE = pair('', '');

/** What is done to a live tree so that it differs in one thing only. */
const DAMAGES: Record<Exclude<DifferenceKind, 'idmap' | 'subtype'>, Damage> = {
  missing: { tree: PRIVATE, damage: () => sys.umount('/b'), at: '/b' },
  extra: {
    tree: PRIVATE,
    damage() {
      mkdirSync('/c');
      sys.mount('c', '/c', { type: 'tmpfs' });
    },
    at: '/c',
  },
  root: {
    tree: pair('', '', '/x'),
    damage() {
      mkdirSync('/a/y');
      sys.umount('/b');
      sys.bind('/a/y', '/b');
    },
    at: '/b',
  },
  deleted: { tree: pair('', '', '/x'), damage: () => rmdirSync('/a/x'), at: '/b' },
  kind: {
    tree: pair('', '', '/x'),
    damage() {
      sys.umount('/b');
      for (const path of ['/a/x', '/b']) {
        rmdirSync(path);
        writeFileSync(path, '');
      }
      sys.bind('/a/x', '/b');
    },
    at: '/b',
  },
  type: {
    tree: parseMountinfo(
      '1 0 0:1 / / rw,relatime - tmpfs root rw\n2 1 0:2 / /b rw,relatime - tmpfs disk rw\n',
    ),
    damage() {
      sys.umount('/b');
      sys.mount('disk', '/b', { type: 'ramfs' });
    },
    at: '/b',
  },
  source: {
    tree: parseMountinfo(
      '1 0 0:1 / / rw,relatime - tmpfs root rw\n2 1 0:2 / /b rw,relatime - tmpfs disk rw\n',
    ),
    damage() {
      sys.umount('/b');
      sys.mount('other', '/b', { type: 'tmpfs' });
    },
    at: '/b',
  },
  attributes: { tree: PRIVATE, damage: () => sys.remount('/b', ['NOSUID', 'RELATIME']), at: '/b' },
  'superblock-options': {
    tree: PRIVATE,
    damage: () => sys.remount('/b', [], { superblock: true, options: 'size=128k' }),
    at: '/a', // a filesystem's options are told at its first mount
  },
  superblock: {
    tree: PRIVATE,
    damage() {
      sys.umount('/b');
      sys.mount('disk', '/b', { type: 'tmpfs', options: 'size=64k' });
    },
    at: '/b',
  },
  'peer-group': { tree: pair(' shared:1', ' shared:1'), damage: () => sys.makePrivate('/b'), at: '/b' },
  master: { tree: pair(' shared:1', ' master:1'), damage: () => sys.makePrivate('/b'), at: '/b' },
  unbindable: { tree: pair('', ' unbindable'), damage: () => sys.makePrivate('/b'), at: '/b' },
};

// As the machine's root only: elsewhere the kernel prints owners as ids of another user namespace.
describe.skipIf(!isMachineRoot)('verification of a live tree finds exactly what was damaged', () => {
  test.each(Object.entries(DAMAGES))('%s', (kind, { tree, damage, at }) => {
    using restored = restoreTreeSync(tree);
    expect(restored.differences).toEqual([]);
    const namespace = namespaceOf(restored);
    expect(verifyTree(restored.target, namespace.capture())).toEqual([]);
    inside(namespace, damage);
    expect(found(restored, namespace.capture())).toEqual([[kind, at]]);
  });

  test('peer-group: a mount that became shared', () => {
    using restored = restoreTreeSync(PRIVATE);
    inside(namespaceOf(restored), () => sys.makeShared('/b'));
    expect(found(restored, namespaceOf(restored).capture())).toEqual([['peer-group', '/b']]);
  });

  test('master: a mount that follows another group', () => {
    const text = [
      '1 0 0:1 / / rw,relatime - tmpfs root rw',
      '2 1 0:2 / /a rw,relatime shared:1 - tmpfs disk rw',
      '3 1 0:2 / /b rw,relatime shared:2 - tmpfs disk rw',
      '4 1 0:2 / /c rw,relatime master:1 - tmpfs disk rw',
      '5 1 0:2 / /d rw,relatime master:1 - tmpfs disk rw',
      '',
    ].join('\n');
    using restored = restoreTreeSync(parseMountinfo(text));
    expect(restored.differences).toEqual([]);
    inside(namespaceOf(restored), () => {
      using b = sys.openTree('/b');
      using d = sys.openTree('/d');
      sys.makePrivate('/d');
      sys.moveMount(b, d, ['SET_GROUP']);
      sys.makeSlave('/d');
    });
    expect(found(restored, namespaceOf(restored).capture())).toEqual([['master', '/d']]);
  });

  test('attributes: the mount became read-only, its filesystem did not', () => {
    using restored = restoreTreeSync(PRIVATE);
    inside(namespaceOf(restored), () => sys.remount('/a', ['RDONLY', 'RELATIME']));
    expect(found(restored, namespaceOf(restored).capture())).toEqual([['attributes', '/a']]);
  });

  test('superblock-options: the filesystem became read-only, its mounts did not', () => {
    using restored = restoreTreeSync(PRIVATE);
    inside(namespaceOf(restored), () => {
      using context = sys.fspick('/a');
      sys.fsconfigFlag(context, 'ro');
      sys.fsconfigReconfigure(context);
    });
    expect(found(restored, namespaceOf(restored).capture())).toEqual([['superblock-options', '/a']]);
  });

  test('a mount put beneath another is one extra mount', () => {
    using restored = restoreTreeSync(PRIVATE);
    inside(namespaceOf(restored), () => {
      using context = sys.fsopen('tmpfs');
      sys.fsconfigCreate(context);
      using below = sys.fsmount(context);
      sys.moveMount(below, '/b', ['BENEATH']);
    });
    const differences = found(restored, namespaceOf(restored).capture());
    expect(differences).toContainEqual(['extra', '/b']);
  });

  test('a missing mount stands for all below it', () => {
    const tree = parseMountinfo(
      [1, 2, 3, 4]
        .map((id) => `${id} ${id - 1} 0:${id} / ${'/a'.repeat(id - 1) || '/'} rw - tmpfs t rw\n`)
        .join(''),
    );
    using restored = restoreTreeSync(tree);
    inside(namespaceOf(restored), () => sys.umount('/a', ['DETACH']));
    expect(found(restored, namespaceOf(restored).capture())).toEqual([['missing', '/a']]);
  });
});

describe.skipIf(!isMachineRoot || !hasFuse)(
  'verification of what the host supplied (needs /dev/fuse)',
  () => {
    test('subtype', () => {
      using scratch = new ScratchMount();
      const host = scratch.directory('fuse');
      using _one = new FuseMount('served', host, 'one');
      const tree = parseMountinfo(
        '1 0 0:1 / / rw,relatime - tmpfs root rw\n' +
          '2 1 0:2 / /f rw,relatime - fuse.one served rw,user_id=0,group_id=0\n',
      );
      using restored = restoreTreeSync(tree, { external: { '/f': host } });
      expect(restored.differences).toEqual([]);
      using _two = new FuseMount('served', '/f', 'two', (mount) =>
        inside(namespaceOf(restored), () => {
          sys.umount('/f', ['DETACH']);
          mount();
        }),
      );
      expect(found(restored, namespaceOf(restored).capture())).toEqual([['subtype', '/f']]);
    });
  },
);

describe.skipIf(!isMachineRoot)('verification of a tree attached here', () => {
  const map = (outside: number) => ({
    uid: [{ inside: 0, outside, length: 1000 }],
    gid: [{ inside: 0, outside, length: 1000 }],
  });

  test('idmap', () => {
    using scratch = new ScratchMount();
    const at = scratch.directory('at');
    const tree = parseMountinfo(
      [
        '1 0 0:1 / / rw,relatime - tmpfs root rw',
        '2 1 0:2 / /a rw,relatime - tmpfs disk rw',
        '3 1 0:2 / /b rw,relatime,idmapped - tmpfs disk rw',
        '',
      ].join('\n'),
    );
    using restored = restoreTreeSync(tree, { idmap: { '/b': map(100_000) }, into: { at } });
    expect(restored.differences).toEqual([]);
    expect(restored.tree.at('/b')?.idmap).toEqual(map(100_000));
    expect(found(restored, attachedAt(at))).toEqual([]);
    {
      using other = idmapNamespace(map(200_000), 3);
      using clone = sys.openTree(`${at}/a`, ['CLONE']);
      sys.mountSetattr(clone, { set: ['IDMAP'], userNamespace: other });
      sys.umount(`${at}/b`);
      sys.moveMount(clone, `${at}/b`);
    }
    expect(found(restored, attachedAt(at))).toEqual([['idmap', '/b']]);
  });

  test('an idmapped mount that lost its map differs in its attributes', () => {
    using scratch = new ScratchMount();
    const at = scratch.directory('at');
    const text =
      '1 0 0:1 / / rw - tmpfs r rw\n2 1 0:2 / /a rw - tmpfs d rw\n3 1 0:2 / /b rw,idmapped - tmpfs d rw\n';
    using restored = restoreTreeSync(parseMountinfo(text), { idmap: { '/b': map(100_000) }, into: { at } });
    sys.umount(`${at}/b`);
    sys.bind(`${at}/a`, `${at}/b`);
    expect(found(restored, attachedAt(at))).toEqual([['attributes', '/b']]);
  });
});

function attachedAt(path: string): MountTree {
  const own = captureTree();
  const top = own.at(path);
  if (!top) throw new Error(`nothing is attached at ${path}`);
  return own.subtree(top);
}

function found(restored: RestoredTree, actual: MountTree): [DifferenceKind, string][] {
  return verifyTree(restored.target, actual).map(({ kind, mount }) => [kind, mount.mountPoint]);
}

function namespaceOf({ namespace }: RestoredTree) {
  if (!namespace) throw new Error('no namespace was made');
  return namespace;
}
