import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { captureSnapshot, captureTree, type Mount, MountNamespace, parseMountinfo } from '../../lib/index.ts';
import * as sys from '../../lib/sys.ts';
import { idmapNamespace } from '../../lib/system/namespaces/userns.ts';
import { expectNoLeakedFds } from '../support/open-fds.ts';
import { isMachineRoot, isRoot } from '../support/privilege.ts';

expectNoLeakedFds();

/** Without what only other readings know. */
function textOnly({
  uniqueId: _id,
  rootNode: _root,
  placeNode: _place,
  idmap: _map,
  ...mount
}: Mount): Mount {
  return { ...mount, kind: 'unknown' };
}

test('the own tree is what /proc/self/mountinfo says', () => {
  const text = parseMountinfo(readFileSync('/proc/self/mountinfo'));
  const tree = captureTree();
  expect(tree.mounts.map(textOnly)).toEqual(text.mounts);
  expect(tree.at('/proc')?.kind).toBe('directory');
});

test('one of pid, ns and fd is asked for, and a pid is a number', () => {
  expect(() => captureTree({ pid: 1, ns: '/proc/1/ns/mnt' })).toThrow('give one of pid, ns and fd');
  expect(() => captureTree({ pid: -1 })).toThrow('-1 is no process id');
  expect(() => captureTree({ pid: 0x7ffffffe })).toThrow(expect.objectContaining({ code: 'ENOENT' }));
});

test('a snapshot holds the one tree', () => {
  expect(captureSnapshot().namespaces.map((tree) => tree.size)).toEqual([captureTree().size]);
});

describe.skipIf(!isRoot)('kinds and other namespaces, as root', () => {
  let place: string;
  beforeAll(() => {
    place = mkdtempSync(join(tmpdir(), 'mountyard-capture-'));
    sys.mount('t', place, { type: 'tmpfs' });
  });
  afterAll(() => {
    sys.umount(place, ['DETACH']);
    rmSync(place, { recursive: true });
  });

  test('a file is a file, a directory a directory, and what is covered is as its mount point', () => {
    const [file, other, covered] = ['file', 'other file', 'covered'].map((name) => join(place, name)) as [
      string,
      string,
      string,
    ];
    writeFileSync(file, '');
    writeFileSync(other, '');
    mkdirSync(join(covered, 'below'), { recursive: true });
    sys.bind(file, other);
    sys.mount('hidden', join(covered, 'below'), { type: 'tmpfs' });
    sys.mount('cover', covered, { type: 'tmpfs' });
    const kinds = Object.fromEntries(
      captureTree().mounts.map(({ source, mountPoint, kind }) => [`${source} ${mountPoint}`, kind]),
    );
    expect(kinds).toMatchObject({
      [`t ${other}`]: 'file',
      [`cover ${covered}`]: 'directory',
      [`hidden ${covered}/below`]: 'directory',
    });
  });

  test('what is covered is of the kind of its cover, and what holds a mount is a directory', () => {
    const [file, directory] = [join(place, 'twice'), join(place, 'stack')];
    writeFileSync(file, '');
    sys.bind(file, file);
    sys.bind(file, file);
    mkdirSync(directory);
    sys.mount('bottom', directory, { type: 'tmpfs' });
    mkdirSync(join(directory, 'in'));
    sys.mount('in it', join(directory, 'in'), { type: 'tmpfs' });
    sys.mount('middle', directory, { type: 'tmpfs' });
    sys.mount('top', directory, { type: 'tmpfs' });
    const { mounts } = captureTree();
    const kindsAt = (path: string) =>
      mounts.filter(({ mountPoint }) => mountPoint === path).map(({ kind }) => kind);
    expect(kindsAt(file)).toEqual(['file', 'file']);
    expect(kindsAt(directory)).toEqual(['directory', 'directory', 'directory']);
  });

  test('a symlink that took the place of a mount is not believed', () => {
    const tree = captureTree();
    mkdirSync(join(place, 'elsewhere'));
    symlinkSync(join(place, 'elsewhere'), join(place, 'link'));
    const moved = tree.map((mount) =>
      mount.mountPoint === place ? { ...mount, mountPoint: join(place, 'link') } : mount,
    );
    expect(moved.at(join(place, 'link'))?.kind).toBe('directory'); // of the old reading
    expect(captureTree().at(join(place, 'link'))).toBeUndefined();
  });

  test('a name that is not UTF-8 survives', () => {
    const odd = Buffer.concat([Buffer.from(`${place}/b`), Buffer.of(0xff)]);
    mkdirSync(odd);
    sys.bind(place, `${place}/b\udcff`);
    expect(captureTree().at(`${place}/b\udcff`)?.kind).toBe('directory');
    sys.umount(`${place}/b\udcff`);
  });

  test.skipIf(!isMachineRoot)('the map of an idmapped mount is read', () => {
    const target = join(place, 'idmapped');
    mkdirSync(target);
    const idmap = {
      uid: [{ inside: 0, outside: 1000, length: 10 }],
      gid: [{ inside: 0, outside: 2000, length: 10 }],
    };
    using userNamespace = idmapNamespace(idmap, 1);
    using clone = sys.openTree(place, ['CLONE']);
    sys.mountSetattr(clone, { set: ['IDMAP'], userNamespace });
    sys.moveMount(clone, target);
    expect(captureTree().at(target)?.idmap).toEqual(idmap);
    sys.umount(target, ['DETACH']);
  });

  test('another namespace is read by path, by fd and by process', async () => {
    using namespace = MountNamespace.create();
    const child = namespace.spawn('sh', [
      '-c',
      `mount -t tmpfs inside ${place} && echo ready && exec sleep 60`,
    ]);
    try {
      await new Promise((resolve) => child.stdout?.once('data', resolve));
      const file = `/proc/${child.pid}/ns/mnt`;
      using fd = sys.openat2(file);
      for (const tree of [
        captureTree({ ns: file }),
        captureTree({ fd }),
        captureTree({ pid: child.pid ?? 0 }),
      ]) {
        expect(tree.at(place)).toMatchObject({ source: 'inside', kind: 'directory' });
      }
      expect(captureTree().at(place)?.source).toBe('t');
    } finally {
      child.kill('SIGKILL');
      await new Promise((resolve) => child.once('close', resolve));
    }
  });
});
