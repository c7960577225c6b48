import { symlinkSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { type Requirement, UnmetRequirementsError } from '../../lib/plan/options/requirements.ts';
import * as sys from '../../lib/sys.ts';
import { restoreTree } from '../../lib/system/restore/restore.ts';
import {
  BOTH_ENGINES,
  bindTo,
  directory,
  expectShapeComesBack,
  LiveNamespace,
  mountTmpfs,
  numbers,
  restoreSame,
} from '../support/live.ts';
import { expectNoLeakedFds } from '../support/open-fds.ts';
import { isMachineRoot } from '../support/privilege.ts';

/** A filesystem of which the tree shows three directories and a file, and nowhere its root. */
function parts(): void {
  mountTmpfs('/whole', 'size=64k', 'the whole');
  for (const name of ['a/deep/er', 'b']) directory(`/whole/${name}`);
  for (const name of ['/whole/f', '/f']) writeFileSync(name, '');
  bindTo('/whole/a', '/a');
  bindTo('/whole/a/deep/er', '/deeper');
  bindTo('/whole/b', '/b');
  sys.bind('/whole/f', '/f');
  sys.umount('/whole');
}

describe.skipIf(!isMachineRoot).each(BOTH_ENGINES)('roots come back where they were: %s', (engine) => {
  expectNoLeakedFds();

  test('of a filesystem whose / is nowhere mounted: refused with what would make it', async () => {
    using live = new LiveNamespace(parts);
    const refusal = await restoreTree(live.capture(), { engine }).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(UnmetRequirementsError);
    const { requirements } = refusal as UnmetRequirementsError;
    // What is bound from /a needs nothing of its own.
    expect(requirements.map(({ kind, mounts }) => [kind, mounts[0]?.mountPoint])).toEqual([
      ['external', '/a'],
      ['external', '/b'],
      ['external', '/f'],
    ]);
    expect(clisOf(requirements[0])).toEqual([
      '--external /a=SOURCE',
      '--fresh /a',
      '--stand-in /a',
      '--skip /a',
    ]);
  });

  test.each<[string, readonly string[] | 'all']>([
    ['one of its mounts is named', ['/b']],
    ['all are', 'all'],
  ])('of a filesystem whose / is nowhere mounted, made afresh: %s', async (_, fresh) => {
    using live = new LiveNamespace(parts);
    const captured = live.capture();
    using restored = await restoreSame(captured, engine, { fresh });
    expect(restored.tree.at('/deeper')).toMatchObject({ root: '/a/deep/er', superOptions: 'rw,size=64k' });
    expect(restored.tree.superblocks.size).toBe(2);
  });

  test('with a bind source that is deeper in the tree than what is bound from it', async () => {
    await expectShapeComesBack(
      () => {
        mountTmpfs('/x/y/z', '', 'deep');
        for (const name of ['a/b', 'c']) directory(`/x/y/z/${name}`);
        bindTo('/x/y/z/a', '/shallow');
        bindTo('/x/y/z/c', '/x/c');
        sys.bind('/x/y/z', '/x/y/z/c');
      },
      engine,
      { size: 5 },
    );
  });

  test('in a cycle with the parent: each shows a part of what the other lies on', async () => {
    await expectShapeComesBack(() => {
      mountTmpfs('/b', '', 'b');
      directory('/b/here');
      mountTmpfs('/a', '', 'a');
      directory('/a/part/there');
      // A lies in B, and B's place is covered by a part of A, in which B lies again.
      sys.bind('/a', '/b/here');
      sys.bind('/a/part', '/b/here/part');
      sys.bind('/b', '/b/here/part/there');
      bindTo('/a/part', '/c');
      sys.move('/a', '/c/there');
    }, engine);
  });

  test('of a directory bound on itself again and again, with children between', async () => {
    await expectShapeComesBack(
      () => {
        directory('/d/sub/leaf');
        for (const i of numbers(12)) {
          sys.bind('/d', '/d');
          if (i % 3 === 0) sys.bind('/d/sub', '/d/sub');
          if (i % 4 === 0) mountTmpfs('/d/sub/leaf', '', `leaf ${i}`);
        }
      },
      engine,
      { size: 20 },
    );
  });

  test('of a filesystem seen through a directory of another, three levels of it', async () => {
    await expectShapeComesBack(() => {
      for (const [i, name] of ['/one', '/two', '/three'].entries()) {
        mountTmpfs(name, '', name);
        directory(`${name}/${'in/'.repeat(i + 1)}`);
      }
      sys.bind('/one/in', '/two/in');
      sys.bind('/two/in', '/three/in');
      bindTo('/three', '/again');
      sys.bind('/two', '/one/in');
      sys.bind('/one', '/three/in');
    }, engine);
  });

  test('when a mount point is a symlink, which only a file or a symlink covers', async () => {
    await expectShapeComesBack(
      () => {
        writeFileSync('/f', '');
        for (const name of ['/to-f', '/to-nowhere']) symlinkSync(name === '/to-f' ? 'f' : 'no/where', name);
        mountOnLink('/f', '/to-f');
        mountOnLink('/to-f', '/to-nowhere');
      },
      engine,
      { size: 3 },
    );
  });

  test('when what is mounted on a symlink is a symlink', async () => {
    using live = new LiveNamespace(() => {
      for (const name of ['/one', '/two']) symlinkSync(`target of ${name.slice(1)}`, name);
      using clone = sys.openTree('/one', ['CLONE', 'SYMLINK_NOFOLLOW']);
      using place = sys.openTree('/two', ['SYMLINK_NOFOLLOW']);
      sys.moveMount(clone, place);
    });
    const captured = live.capture();
    expect(captured.at('/two')).toMatchObject({
      root: '/one',
      rootNode: { kind: 'symlink', target: 'target of one' },
      placeNode: { kind: 'symlink', target: 'target of two' },
    });
    using restored = await restoreSame(captured, engine);
    expect(restored.namespace?.capture().at('/two')).toMatchObject({
      rootNode: { kind: 'symlink', target: 'target of one' },
      placeNode: { kind: 'symlink', target: 'target of two' },
    });
  });
});

/** Follows neither. */
function mountOnLink(from: string, onto: string): void {
  using clone = sys.openTree(from, ['CLONE']);
  using place = sys.openTree(onto, ['SYMLINK_NOFOLLOW']);
  sys.moveMount(clone, place);
}

function clisOf(requirement: Requirement | undefined): string[] {
  return (requirement?.cures ?? []).map(({ cli }) => cli);
}
