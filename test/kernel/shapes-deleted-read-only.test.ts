import { linkSync, lstatSync, readdirSync, rmdirSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { formatMountinfo, parseMountinfo } from '../../lib/formats/mountinfo.ts';
import { joinPath } from '../../lib/model/paths.ts';

import * as sys from '../../lib/sys.ts';
import { probe } from '../../lib/system/inspect/probe.ts';
import type { MountNamespace } from '../../lib/system/namespaces/namespace.ts';
import { restoreTree } from '../../lib/system/restore/restore.ts';
import { inside } from '../support/inside.ts';
import {
  BOTH_ENGINES,
  directory,
  LiveNamespace,
  makeSuperblockReadOnly,
  mountTmpfs,
  restoreSame,
} from '../support/live.ts';
import { bindFile, bindNode, makeNode, S_IFCHR, S_IFIFO, S_IFSOCK } from '../support/nodes.ts';
import { expectNoLeakedFds } from '../support/open-fds.ts';
import { isMachineRoot } from '../support/privilege.ts';
import { expectUnmet } from '../support/refusal.ts';
import { ScratchMount } from '../support/scratch-mount.ts';

/** Linux makes a filesystem read-only while what was unlinked in it is in use only if that has another name. */
function unlinkKept(path: string): void {
  directory('/d/other');
  linkSync(path, joinPath('/d/other', String(readdirSync('/d/other').length)));
  unlinkSync(path);
}

/** A read-only tmpfs at /d with a file that is mounted, lost its name, and has another. */
function deletedFile(): void {
  mountTmpfs('/d', 'mode=755');
  writeFileSync('/d/file', '');
  bindFile('/d/file', '/bound');
  unlinkKept('/d/file');
  makeSuperblockReadOnly('/d');
}

const where = (mountPoint: string, path: string) => [mountPoint, path];

describe.skipIf(!isMachineRoot).each(BOTH_ENGINES)('deleted in a read-only filesystem: %s', (engine) => {
  expectNoLeakedFds();

  test('a file comes back so, with a second name that is told', async () => {
    using live = new LiveNamespace(deletedFile);
    const captured = live.capture();
    expect(captured.at('/bound')).toMatchObject({
      root: '/file',
      deleted: true,
      superOptions: 'ro,mode=755',
    });
    using restored = await restoreSame(captured, engine);
    expect(restored.tree.at('/bound')).toMatchObject({
      root: '/file',
      deleted: true,
      superOptions: 'ro,mode=755',
    });
    const kept = restored.report.keptNames.map(({ mount, path }) => where(mount.mountPoint, path));
    expect(kept).toEqual([['/bound', '/.mountyard-kept-0']]);
    inside(restored.namespace as MountNamespace, () => {
      expect(readdirSync('/d')).toEqual(['.mountyard-kept-0']);
      expect(lstatSync('/d/.mountyard-kept-0').ino).toBe(lstatSync('/bound').ino);
      expect(() => writeFileSync('/d/new', '')).toThrow(/EROFS/);
    });
  });

  test('a FIFO, a socket, a device and a symlink do too', async () => {
    using live = new LiveNamespace(() => {
      mountTmpfs('/d');
      makeNode('/d/fifo', S_IFIFO | 0o600);
      makeNode('/d/socket', S_IFSOCK | 0o640);
      makeNode('/d/null', S_IFCHR | 0o666, BigInt(1 * 256 + 3));
      symlinkSync('no/where', '/d/link');
      for (const name of ['fifo', 'socket', 'null', 'link']) {
        writeFileSync(`/${name}`, '');
        bindNode(`/d/${name}`, `/${name}`);
        unlinkKept(`/d/${name}`);
      }
      makeSuperblockReadOnly('/d');
    });
    const captured = live.capture();
    const kinds = { '/fifo': 'fifo', '/socket': 'socket', '/null': 'character', '/link': 'symlink' };
    for (const [path, kind] of Object.entries(kinds))
      expect(captured.at(path)).toMatchObject({ deleted: true, rootNode: { kind } });
    using restored = await restoreSame(captured, engine);
    for (const [path, kind] of Object.entries(kinds))
      expect(restored.tree.at(path)).toMatchObject({ deleted: true, rootNode: { kind } });
    expect(restored.report.keptNames).toHaveLength(4);
  });

  test('several of one name, which lives again and is used, beside names like those that are kept', async () => {
    using live = new LiveNamespace(() => {
      mountTmpfs('/d');
      for (const [i, mode] of [0o644, 0o600, 0o640].entries()) {
        writeFileSync('/d/x', '', { mode });
        bindFile('/d/x', `/${i}`);
        bindFile('/d/x', `/${i}-again`);
        unlinkKept('/d/x');
      }
      directory('/d/x/in');
      mountTmpfs('/d/x/in');
      for (const i of [0, 1]) {
        writeFileSync(`/d/.mountyard-kept-${i}`, '');
        bindFile(`/d/.mountyard-kept-${i}`, `/like-${i}`);
      }
      makeSuperblockReadOnly('/d');
    });
    using restored = await restoreSame(live.capture(), engine);
    const kept = restored.report.keptNames.map(({ mount, path }) => where(mount.mountPoint, path));
    expect(kept).toEqual([
      ['/0', '/.mountyard-kept-2'],
      ['/0-again', '/.mountyard-kept-2'],
      ['/1', '/.mountyard-kept-3'],
      ['/1-again', '/.mountyard-kept-3'],
      ['/2', '/.mountyard-kept-4'],
      ['/2-again', '/.mountyard-kept-4'],
    ]);
  });

  test('comes back from a text, which does not say that it is no directory', async () => {
    using live = new LiveNamespace(deletedFile);
    const captured = parseMountinfo(formatMountinfo(live.capture()));
    expect(captured.at('/bound')?.kind).toBe('unknown');
    using restored = await restoreSame(captured, engine);
    expect(restored.tree.at('/bound')).toMatchObject({ kind: 'file', deleted: true });
  });

  test.skipIf(probe().privileges.userNamespace !== true)('comes back in a user namespace', async () => {
    using live = new LiveNamespace(deletedFile);
    using restored = await restoreTree(live.capture(), { engine, userNamespace: 'self' });
    expect(restored.differences).toEqual([]);
    expect(restored.tree.at('/bound')).toMatchObject({
      deleted: true,
      superOptions: expect.stringMatching(/^ro\b/),
    });
  });

  test('comes back attached at a directory', async () => {
    using live = new LiveNamespace(deletedFile);
    using scratch = new ScratchMount();
    sys.makePrivate(scratch.path);
    using restored = await restoreTree(live.capture(), { engine, into: { at: scratch.directory('here') } });
    expect(restored.differences).toEqual([]);
    expect(restored.report.keptNames).toHaveLength(1);
  });

  test('a directory is refused beforehand, and has room on a stand-in or where the superblock is writable', async () => {
    using live = new LiveNamespace(() => {
      mountTmpfs('/d');
      directory('/d/gone');
      directory('/bound');
      sys.bind('/d/gone', '/bound');
      rmdirSync('/d/gone');
    });
    expect(() => live.do(() => makeSuperblockReadOnly('/d'))).toThrow(/EBUSY/);
    const writable = live.capture();
    const device = writable.at('/d')?.device;
    const captured = writable.map((mount) =>
      mount.device === device ? { ...mount, superOptions: 'ro' } : mount,
    );
    const [refused] = await expectUnmet(captured, { engine }, [['deleted-root', '/bound']]);
    expect(refused?.reason).toMatch(/shows the directory \/gone, which was deleted, .* without ro /);
    expect(refused?.cures.map(({ option }) => option)).toEqual(['external', 'standIn', 'skip']);
    for (const cured of [captured, writable]) {
      using restored = await restoreTree(cured, { engine, ...(cured === captured && { standIn: ['/d'] }) });
      expect(restored.differences).toEqual([]);
    }
  });
});
