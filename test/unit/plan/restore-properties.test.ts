import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Mount } from '../../../lib/model/mount.ts';
import { isInside, joinPath } from '../../../lib/model/paths.ts';
import { MountTree } from '../../../lib/model/tree.ts';
import type { RestoreOptions } from '../../../lib/plan/options/options.ts';
import type { RestorePlan } from '../../../lib/plan/plan.ts';
import { planRestore } from '../../../lib/plan/restore.ts';
import type { StepKind, StepOf } from '../../../lib/plan/steps/steps.ts';
import { hostFacts } from '../../support/facts.ts';
import { mount } from '../model/mounts.ts';
import { mountTrees } from './random-trees.ts';

const plan = (tree: MountTree) => planRestore(tree, { ignoreHostPropagation: true }, hostFacts());

function indexOf<K extends StepKind>(
  { steps }: RestorePlan,
  kind: K,
  wanted: (step: StepOf<K>) => boolean,
): number[] {
  return steps.flatMap((step, index) => (step.kind === kind && wanted(step as StepOf<K>) ? [index] : []));
}
const only = (indexes: readonly number[]) => {
  expect(indexes).toHaveLength(1);
  return indexes[0] as number;
};

/** The mounts that have steps of their own, tops of images among them. */
function ownMounts(restore: RestorePlan, tree: MountTree): Mount[] {
  const images = new Set(restore.steps.flatMap((step) => (step.kind === 'clone-image' ? [step.mount] : [])));
  const inside = new Set<number>();
  return [...tree.walk()].filter(({ id, parentId }) => {
    if (inside.has(parentId) || images.has(parentId)) inside.add(id);
    return !inside.has(id);
  });
}

function check(property: (tree: MountTree) => void): void {
  fc.assert(fc.property(mountTrees, property), { numRuns: 200 });
}

describe('for any tree', () => {
  test('that is generated there is no problem, or the tests would show nothing', () => {
    check((tree) => {
      expect(tree.problems).toEqual([]);
    });
  });

  test('each mount is cloned once, by itself or in an image, and each but the root is placed once, on its parent', () => {
    check((tree) => {
      const restore = plan(tree);
      for (const { id, parentId } of ownMounts(restore, tree)) {
        const cloned = only([
          ...indexOf(restore, 'clone', (step) => step.mount === id),
          ...indexOf(restore, 'clone-image', (step) => step.mount === id),
          ...indexOf(restore, 'start-group', (step) => step.mount === id),
          ...indexOf(restore, 'clone-member', (step) => step.mount === id),
        ]);
        if (id === tree.root?.id) continue;
        const placed = only(indexOf(restore, 'place', (step) => step.mount === id));
        expect(restore.steps[placed]).toMatchObject({ parent: parentId });
        expect(placed).toBeGreaterThan(cloned);
      }
    });
  });

  test('each mount is placed after its parent, and after the siblings that it hides', () => {
    check((tree) => {
      const restore = plan(tree);
      const placed = new Map(
        restore.steps.map((step, index) => [step.kind === 'place' ? step.mount : -1, index]),
      );
      for (const each of ownMounts(restore, tree)) {
        const parent = tree.parentOf(each);
        if (!parent) continue;
        const at = placed.get(each.id) as number;
        expect(at).toBeGreaterThan(placed.get(parent.id) ?? -1);
        for (const sibling of tree.childrenOf(parent)) {
          if (sibling === each || !isInside(each.mountPoint, sibling.mountPoint)) continue;
          expect(at).toBeGreaterThan(placed.get(sibling.id) as number);
        }
      }
    });
  });

  test('each mount joins its group once, after all that is mounted on it is placed, and only where it has one', () => {
    check((tree) => {
      const restore = plan(tree);
      for (const each of ownMounts(restore, tree)) {
        const { shared, master } = each.propagation;
        if (indexOf(restore, 'clone-image', (step) => step.mount === each.id).length > 0) continue;
        const joined = [
          ...indexOf(restore, 'set-group', (step) => step.mount === each.id),
          ...indexOf(restore, 'start-group', (step) => step.mount === each.id),
          ...indexOf(restore, 'clone-member', (step) => step.mount === each.id),
        ];
        if (shared === undefined && (master === undefined || !tree.groups.has(master))) {
          expect(joined).toEqual([]);
          continue;
        }
        const at = only(joined);
        const group = shared === undefined ? `slaves:${master}` : `peers:${shared}`;
        expect(restore.steps[at]).toMatchObject({ group });
        for (const { id } of tree.childrenOf(each)) {
          expect(at).toBeGreaterThan(only(indexOf(restore, 'place', (step) => step.mount === id)));
        }
      }
    });
  });

  test('each group is made once, after its master, and from the filesystem of its members', () => {
    check((tree) => {
      const restore = plan(tree);
      const made = new Map<string, number>();
      restore.steps.forEach((step, index) => {
        if (step.kind === 'set-group' || step.kind === 'clone-member')
          expect(made.has(step.group)).toBe(true);
        if (step.kind !== 'make-group' && step.kind !== 'start-group') return;
        expect(made.has(step.group)).toBe(false);
        if (step.master !== undefined) expect(made.has(step.master)).toBe(true);
        made.set(step.group, index);
        const [role, id] = step.group.split(':');
        const master = tree.groups.get(Number(id))?.[0]?.propagation.master;
        const follows = master !== undefined && tree.groups.has(master) ? `peers:${master}` : undefined;
        expect(step.master).toBe(role === 'slaves' ? `peers:${id}` : follows);
        expect(step.shared).toBe(role === 'peers');
      });
    });
  });

  test.each<RestoreOptions>([
    {},
    { engine: 'yard' },
    { into: { namespace: 7 } },
    { engine: 'yard', into: { namespace: 7 } },
  ])('no group is started after a namespace became that of the tree: %j', (options) => {
    check((tree) => {
      // The yard cannot be left by a clone of an unbindable mount.
      const bindable = tree.map((each) => ({
        ...each,
        propagation: { ...each.propagation, unbindable: false },
      }));
      const { steps } = planRestore(bindable, { ignoreHostPropagation: true, ...options }, hostFacts());
      const became = steps.findIndex(({ kind }) => kind === 'become-root' || kind === 'replace-root');
      expect(became).toBeGreaterThanOrEqual(0);
      const after = new Set(steps.slice(became).map(({ kind }) => kind));
      expect(after).not.toContain('make-group');
      expect(after).not.toContain('start-group');
    });
  });

  test('nothing is used before it is made: filesystems, paths in them, mounts', () => {
    check((tree) => {
      const nodes = new Map<number, Set<string>>();
      const shown = new Map<number, { readonly origin: number; readonly path: string }>();
      const groups = new Map<string, number>();
      const has = (origin: number, path: string) => path === '/' || nodes.get(origin)?.has(path) === true;
      for (const step of plan(tree).steps) {
        if (step.kind === 'make-filesystem') {
          expect(nodes.has(step.origin)).toBe(false);
          nodes.set(step.origin, new Set());
        } else if (step.kind === 'make-node') {
          expect(has(step.origin, step.path)).toBe(false);
          expect(has(step.origin, step.path.slice(0, step.path.lastIndexOf('/')) || '/')).toBe(true);
          nodes.get(step.origin)?.add(step.path);
        } else if (step.kind === 'clone') {
          expect(nodes.has(step.origin) && has(step.origin, step.path)).toBe(true);
          shown.set(step.mount, step);
        } else if (step.kind === 'make-group' || step.kind === 'start-group') {
          const origin =
            step.from && 'origin' in step.from ? step.from.origin : groups.get(step.master as string);
          expect(origin !== undefined && nodes.has(origin)).toBe(true);
          groups.set(step.group, origin as number);
          if (step.kind === 'start-group') shown.set(step.mount, { origin: origin as number, path: '/' });
        } else if (step.kind === 'clone-member') {
          expect(groups.has(step.group)).toBe(true);
          shown.set(step.mount, { origin: groups.get(step.group) as number, path: '/' });
        } else if (step.kind === 'clone-image') {
          expect(shown.has(step.of)).toBe(true);
          shown.set(step.mount, shown.get(step.of) as { origin: number; path: string });
        } else if (step.kind === 'place') {
          const parent = shown.get(step.parent);
          expect(parent && has(parent.origin, joinPath(parent.path, step.path))).toBe(true);
          expect(shown.has(step.mount)).toBe(true);
        } else if (step.kind === 'set-group') {
          expect(shown.has(step.mount)).toBe(true);
        }
      }
    });
  });

  test('a mount that is made with its sharing shows a whole filesystem, and nothing is mounted on it', () => {
    check((tree) => {
      for (const step of plan(tree).steps) {
        if (step.kind !== 'start-group' && step.kind !== 'clone-member') continue;
        const made = tree.get(step.mount) as Mount;
        expect(made.root).toBe('/');
        expect(tree.childrenOf(made)).toEqual([]);
      }
    });
  });

  test('a filesystem that is taken for a mount is used for nothing after', () => {
    check((tree) => {
      const taken = new Set<number>();
      for (const step of plan(tree).steps) {
        const origins = [
          ...('origin' in step ? [step.origin] : []),
          ...((step.kind === 'make-group' || step.kind === 'start-group') &&
          step.from &&
          'origin' in step.from
            ? [step.from.origin]
            : []),
        ];
        for (const origin of origins) expect(taken.has(origin)).toBe(false);
        if (step.kind === 'clone' && step.take) taken.add(step.origin);
        if (step.kind === 'start-group' && step.from?.take) taken.add(step.from.origin);
      }
    });
  });

  test('the target is the tree, with filesystems of its own and without ignored masters', () => {
    check((tree) => {
      const target = plan(tree).target.tree;
      expect(
        target.mounts.map(({ id, parentId, mountPoint, root }) => [id, parentId, mountPoint, root]),
      ).toEqual(tree.mounts.map(({ id, parentId, mountPoint, root }) => [id, parentId, mountPoint, root]));
      for (const [device, members] of tree.superblocks) {
        expect(target.superblocks.get(`new:${device}`)?.map(({ id }) => id)).toEqual(
          members.map(({ id }) => id),
        );
      }
    });
  });
});

describe('the number of steps grows as the number of mounts', () => {
  const wide = (count: number, device: (id: number) => string) =>
    new MountTree([
      mount(1, 0, '/'),
      ...Array.from({ length: count - 1 }, (_, i) => mount(i + 2, 1, `/m/${i}`, { device: device(i + 2) })),
    ]);
  const deep = (count: number, device: (id: number) => string) =>
    new MountTree([
      mount(1, 0, '/'),
      ...Array.from({ length: count - 1 }, (_, i) => mount(i + 2, i + 1, '/m', { device: device(i + 2) })),
    ]);
  const own = (id: number) => `0:${id}`;
  const one = () => '0:9';

  test.each([
    ['50,000 side by side, each of its own filesystem', wide(50_000, own), 4 * 50_000 + 1],
    ['50,000 side by side, of one filesystem', wide(50_000, one), 3 * 50_000 + 3],
    ['20,000 on top of each other, each of its own filesystem', deep(20_000, own), 3 * 20_000 + 2],
    ['20,000 on top of each other, of one filesystem', deep(20_000, one), 2 * 20_000 + 4],
  ])('%s', (_, tree, steps) => {
    expect(plan(tree).steps).toHaveLength(steps);
  });

  test('50,000 members of one peer group, and 20,000 groups each of which follows the one before', () => {
    const members = wide(50_000, one).map((each) =>
      each.id === 1 ? each : { ...each, propagation: { shared: 5, unbindable: false } },
    );
    expect(plan(members).steps).toHaveLength(3 * 50_000 + 3);
    const chain = wide(20_000, one).map((each) =>
      each.id === 1
        ? each
        : {
            ...each,
            propagation: {
              shared: each.id,
              ...(each.id > 2 ? { master: each.id - 1 } : {}),
              unbindable: false,
            },
          },
    );
    expect(plan(chain).steps).toHaveLength(3 * 20_000 + 3);
  });
});
