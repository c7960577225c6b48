import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, lstatSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { formatSnapshot, type Mount, type MountTree, parseSnapshot } from '../../lib/index.ts';
import type { IdMap } from '../../lib/model/mount.ts';
import * as sys from '../../lib/sys.ts';
import type { MountNamespace } from '../../lib/system/namespaces/namespace.ts';
import { inside } from '../support/inside.ts';
import {
  BOTH_ENGINES,
  bindMapped,
  directory,
  LiveNamespace,
  mountTmpfs,
  restoreSame,
} from '../support/live.ts';
import { expectNoLeakedFds } from '../support/open-fds.ts';
import { isMachineRoot } from '../support/privilege.ts';
import { ScratchMount } from '../support/scratch-mount.ts';

const SEVERAL: IdMap = {
  uid: [
    { inside: 0, outside: 100_000, length: 10 },
    { inside: 500, outside: 200_000, length: 1 },
    { inside: 1000, outside: 300_000, length: 100 },
  ],
  gid: [
    { inside: 5, outside: 100_000, length: 5 },
    { inside: 1000, outside: 50_000, length: 1 },
  ],
};

function own(path: string, uid: number, gid: number, mode: number): void {
  chownSync(path, uid, gid);
  chmodSync(path, mode);
}

/** The owners of a root, of the directories on the way and of a place; `undefined` where they are not known. */
const ownersOf = (root: Mount | undefined, place: Mount | undefined) =>
  [root?.rootNode, ...(root?.directories ?? []), place?.placeNode].map((node) => [node?.uid, node?.gid]);

describe.skipIf(!isMachineRoot).each(BOTH_ENGINES)('owners behind an idmapped mount: %s', (engine) => {
  expectNoLeakedFds();

  test('are those of its filesystem, in one range and in several, in the map and outside of it', async () => {
    using live = new LiveNamespace(
      () => {
        mountTmpfs('/d');
        directory('/d/from/way/place');
        directory('/d/outside');
        own('/d/from', 7, 5, 0o711);
        own('/d/from/way', 70_000, 1000, 0o751);
        own('/d/from/way/place', 500, 70_001, 0o1777);
        own('/d/outside', 499, 4, 0o700);
        bindMapped('/d/from', '/to', SEVERAL);
        bindMapped('/d/outside', '/hidden', SEVERAL);
        bindMapped('/d/from/way/place', '/end', { uid: SEVERAL.uid, gid: SEVERAL.uid });
        mountTmpfs('/to/way/place', '', 'on it');
        sys.umount('/d');
      },
      { proc: true },
    );
    const seen = (tree: MountTree) => ({
      to: ownersOf(tree.at('/to'), tree.at('/to/way/place')),
      hidden: ownersOf(tree.at('/hidden'), undefined)[0],
      end: ownersOf(tree.at('/end'), undefined)[0],
    });
    const wanted = {
      to: [
        [7, 5],
        [70_000, 1000],
        [500, 70_001],
      ],
      hidden: [499, 4],
      end: [500, 70_001],
    };
    const captured = live.capture();
    expect(seen(captured)).toEqual(wanted);
    expect(parseSnapshot(formatSnapshot({ namespaces: [captured] })).namespaces).toEqual([captured]);
    using restored = await restoreSame(captured, engine, { fresh: 'all' });
    expect(restored.report.changedNodes).toEqual([]);
    expect(seen((restored.namespace as MountNamespace).capture())).toEqual(wanted);
    const shown = inside(restored.namespace as MountNamespace, () =>
      ['/to', '/to/way', '/hidden', '/end'].map((path) => {
        const { uid, gid } = lstatSync(path);
        return [uid, gid];
      }),
    );
    expect(shown).toEqual([
      [100_007, 100_000],
      [65534, 50_000],
      [65534, 65534],
      [200_000, 65534],
    ]);
  });

  test('are not known to who may not take its map away, and the report says so', async () => {
    using scratch = new ScratchMount();
    const base = scratch.tmpfs('base');
    mkdirSync(join(base, 'from/way/place'), { recursive: true });
    own(join(base, 'from'), 7, 5, 0o755);
    own(join(base, 'from/way'), 70_000, 5, 0o2755);
    bindMapped(join(base, 'from'), scratch.at('to'), SEVERAL);
    // Root of a user namespace of its own has no power over the filesystem.
    const command = ['-U', '-r', '-m', process.execPath, 'dist/cli/main.js', 'capture'];
    const [theirs] = parseSnapshot(execFileSync('unshare', command)).namespaces;
    const node = theirs?.at(scratch.at('to'))?.rootNode;
    expect(node).toEqual({ kind: 'directory', mode: 0o755 });
    using live = new LiveNamespace(() => {
      mountTmpfs('/d');
      directory('/d/from');
      mountTmpfs('/d/from', '', 'on it');
    });
    const tree = live
      .capture()
      .map((mount) =>
        mount.source === 'on it' && node ? { ...mount, placeNode: { ...node, mode: 0o711 } } : mount,
      );
    using restored = await restoreSame(tree, engine);
    expect(restored.report.changedNodes.map(({ because }) => because)).toEqual([
      'the owning user and group of /from is root: only an idmapped mount showed it, and its map hides others',
    ]);
    const again = (restored.namespace as MountNamespace).capture();
    expect(again.at('/d/from')?.placeNode).toEqual({ kind: 'directory', mode: 0o711, uid: 0, gid: 0 });
  });
});
