import { describe, expect, test } from 'vitest';
import type { NodeStatus } from '../../../lib/model/mount.ts';
import type { MountTree } from '../../../lib/model/tree.ts';
import type { RestoreOptions } from '../../../lib/plan/options/options.ts';
import { requirements } from '../../../lib/plan/resolve.ts';
import { planRestore } from '../../../lib/plan/restore.ts';
import { compileRestore } from '../../../lib/program/compile.ts';
import { listProgram } from '../../../lib/program/listing.ts';
import { stepText } from '../../../lib/render/step.ts';
import { hostFacts } from '../../support/facts.ts';
import { mount, treeOf } from '../model/mounts.ts';

const ROOT = mount(1, 0, '/');
const node = (rest: Partial<NodeStatus> = {}): NodeStatus => ({
  kind: 'directory',
  mode: 0o700,
  uid: 0,
  gid: 0,
  ...rest,
});

/** A file of the root's own filesystem, bound onto another of it. */
const fileTree = (rootNode: NodeStatus, rest = {}) =>
  treeOf(ROOT, mount(2, 1, '/on', { device: '0:1', root: '/of', kind: 'file', rootNode, ...rest }));

function madeIn(tree: MountTree, options: RestoreOptions = {}, facts = hostFacts()): string[] {
  const plan = planRestore(tree, options, facts);
  return plan.steps.filter(({ kind }) => kind === 'make-node').map((step) => stepText(step, plan));
}

function callsFor(tree: MountTree): string[] {
  const calls = listProgram(compileRestore(planRestore(tree, {}, hostFacts())));
  return calls
    .filter((call) => /^(mkdirat|mknodat|symlinkat|fchownat|fchmodat)/.test(call))
    .map((call) => call.replace(/\d+<[^>]*>/, 'T'));
}

const notesOf = (tree: MountTree, options: RestoreOptions = {}) =>
  planRestore(tree, options, hostFacts()).notes.changedNodes.map(({ because }) => because);

describe('a node of a filesystem made here', () => {
  test('is made as it was captured, at the root and at the place of a mount', () => {
    const tree = treeOf(ROOT, mount(2, 1, '/a', { placeNode: node({ mode: 0o1777, uid: 5 }) }));
    expect(madeIn(tree)).toEqual(['make directory tmpfs[0]:/a mode 1777 owner 5:0']);
    expect(
      madeIn(
        fileTree(node({ kind: 'fifo', mode: 0o600 }), { placeNode: node({ kind: 'symlink', target: '/x' }) }),
      ),
    ).toEqual(['make fifo tmpfs[0]:/of mode 600', 'make symlink tmpfs[0]:/on → /x']);
  });

  test('that is ordinary takes one call, any other its owner and mode too', () => {
    expect(
      callsFor(
        treeOf(ROOT, mount(2, 1, '/a'), mount(3, 1, '/b', { placeNode: node({ mode: 0o2750, gid: 7 }) })),
      ),
    ).toEqual([
      'mkdirat(T, "a", 0755)',
      'mkdirat(T, "b", 0750)',
      'fchownat(T, "b", 0, 7, AT_SYMLINK_NOFOLLOW)',
      'fchmodat(T, "b", 02750, 0)',
    ]);
    expect(callsFor(fileTree(node({ kind: 'symlink', mode: 0o777, target: '/t', uid: 3 })))).toEqual([
      'symlinkat("/t", T, "of")',
      'fchownat(T, "of", 3, 0, AT_SYMLINK_NOFOLLOW)',
      'mknodat(T, "on", S_IFREG|0644)',
    ]);
  });

  test('below one that gives its group says its own', () => {
    const tree = treeOf(
      ROOT,
      mount(2, 1, '/a', { placeNode: node({ mode: 0o2755 }) }),
      mount(3, 1, '/a/b'),
      mount(4, 3, '/a/b/c'),
    );
    expect(madeIn(tree)).toContain('make directory tmpfs[0]:/a/b mode 755');
    const whole = treeOf(mount(1, 0, '/', { superOptions: 'rw,mode=2755' }), mount(2, 1, '/a'));
    expect(madeIn(whole)).toEqual(['make directory tmpfs[0]:/a mode 755']);
  });

  test('that is the root itself is changed when all is in it', () => {
    const tree = treeOf({ ...ROOT, rootNode: node() }, mount(2, 1, '/a'));
    expect(callsFor(tree)).toEqual([
      'mkdirat(T, "a", 0755)',
      'fchownat(T, ".", 0, 0, AT_SYMLINK_NOFOLLOW)',
      'fchmodat(T, ".", 0700, 0)',
    ]);
  });

  test('is no symlink where something is needed below it', () => {
    const tree = treeOf(
      ROOT,
      mount(2, 1, '/a', { kind: 'unknown', placeNode: node({ kind: 'symlink', target: '/etc' }) }),
      mount(3, 1, '/a/b'),
    );
    expect(madeIn(tree)).toEqual(['make directory tmpfs[0]:/a', 'make directory tmpfs[0]:/a/b']);
  });

  test('is never setuid or setgid, and the plan notes it, but for directories', () => {
    const tree = fileTree(node({ kind: 'file', mode: 0o6755 }));
    expect(madeIn(tree)).toContain('make file tmpfs[0]:/of mode 755');
    expect(notesOf(tree)).toEqual(['/of is not made setuid or setgid again, as a snapshot could ask for it']);
    const directory = treeOf(ROOT, mount(2, 1, '/a', { placeNode: node({ mode: 0o7755 }) }));
    expect(madeIn(directory)).toEqual(['make directory tmpfs[0]:/a mode 3755']);
  });

  test('is root’s where its owner is not known, and as another mount shows it', () => {
    const { uid: _uid, ...hidden } = node({ kind: 'file', mode: 0o640, gid: 5 });
    const tree = fileTree(hidden);
    expect(madeIn(tree)[0]).toBe('make file tmpfs[0]:/of mode 640 owner 0:5');
    expect(notesOf(tree)).toEqual([
      'the owning user of /of is root: only an idmapped mount showed it, and its map hides others',
    ]);
    const second = { device: '0:1', root: '/of', kind: 'file', rootNode: { ...hidden, uid: 7 } } as const;
    const both = treeOf(...tree.mounts, mount(3, 1, '/second', second));
    expect(madeIn(both)[0]).toBe('make file tmpfs[0]:/of mode 640 owner 7:5');
    expect(notesOf(both)).toEqual([]);
  });

  test('is left to root in a user namespace that does not map its owner', () => {
    const tree = fileTree(node({ kind: 'file', uid: 1000, gid: 5 }));
    expect(notesOf(tree, { userNamespace: 'self' })).toEqual([
      '/of is left to root: uid 1000 and gid 5 is not mapped in the user namespace',
    ]);
    const maps = { uidMap: ['0 100000 65536'], gidMap: ['0 100000 1'] };
    expect(madeIn(tree, { userNamespace: maps })).toContain('make file tmpfs[0]:/of mode 700 owner 1000:0');
    const inside = hostFacts({ privileges: { inUserNamespace: true } });
    expect(planRestore(tree, {}, inside).notes.assumed).toContain('uid 1000 and gid 5 are mapped here');
  });
});

describe('a device', () => {
  const device = (number: string, kind: 'character' | 'block' = 'character') =>
    node({ kind, mode: 0o666, device: number });
  const unmet = (tree: MountTree, options: RestoreOptions = {}, facts = hostFacts()) =>
    requirements(tree, options, facts).map(({ kind, reason, cures }) => [
      kind,
      reason,
      cures.map(({ option }) => option),
    ]);

  test('that every container has is made', () => {
    expect(callsFor(fileTree(device('1:3')))[0]).toBe('mknodat(T, "of", S_IFCHR|0666, makedev(1, 3))');
  });

  test.each(['1:1', '10:200'])('%s is not, and has to be supplied, stood in for or left out', (number) => {
    const tree = fileTree(device(number));
    expect(unmet(tree)).toEqual([
      [
        'device-nodes',
        expect.stringContaining(`a character device ${number}`),
        ['external', 'standIn', 'skip'],
      ],
    ]);
    expect(unmet(tree, { skip: ['/on'] })).toEqual([]);
  });

  test('that is a block device is not, whatever its number', () => {
    expect(unmet(fileTree(device('1:3', 'block')))).toHaveLength(1);
  });

  test('cannot be made in a user namespace', () => {
    expect(unmet(fileTree(device('1:3')), { userNamespace: 'self' })).toEqual([
      [
        'device-nodes',
        expect.stringContaining('no user namespace can make'),
        ['external', 'standIn', 'skip'],
      ],
    ]);
  });

  test('of a stand-in is a plain file', () => {
    expect(madeIn(fileTree(device('1:1')), { standIn: ['/'] })).toEqual([
      'make file tmpfs[0]:/of',
      'make file tmpfs[0]:/on',
    ]);
  });
});
