import fc from 'fast-check';
import type { Mount } from '../../../lib/model/mount.ts';
import { joinPath } from '../../../lib/model/paths.ts';
import { MountTree } from '../../../lib/model/tree.ts';
import { mount } from '../model/mounts.ts';

interface Sketch {
  readonly parent: number;
  readonly at: readonly string[];
  /** Which of the filesystems so far it shows a part of; a new one where there is no such. */
  readonly filesystem: number;
  readonly root: string;
  readonly sharing: 'private' | 'unbindable' | 'peer' | 'slave';
  /** Of the filesystem's three groups, each of which may follow the one before. */
  readonly group: 0 | 1 | 2;
}

const GROUPS = 3;

const sketch: fc.Arbitrary<Sketch> = fc.record({
  parent: fc.nat(),
  at: fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 3 }),
  filesystem: fc.nat(12),
  root: fc.constantFrom('/', '/a', '/a/b', '/c'),
  sharing: fc.constantFrom('private', 'unbindable', 'peer', 'slave'),
  group: fc.constantFrom(0, 1, 2),
});

/**
 * Trees that a namespace can hold: of tmpfs, each with its `/` shown, with stacks, hidden siblings, peer groups
 * within one filesystem, and chains of slaves.
 */
export const mountTrees: fc.Arbitrary<MountTree> = fc
  .tuple(fc.array(sketch, { maxLength: 30 }), fc.array(fc.boolean(), { minLength: 60, maxLength: 60 }))
  .map(([sketches, follows]) => build(sketches, follows));

function build(sketches: readonly Sketch[], follows: readonly boolean[]): MountTree {
  const mounts: Mount[] = [mount(1, 0, '/', { device: '0:0' })];
  const places = new Set<string>();
  let filesystems = 1;
  for (const { parent, at, filesystem, root, sharing, group } of sketches) {
    const on = mounts[parent % mounts.length] as Mount;
    const mountPoint = joinPath(on.mountPoint, at.join('/'));
    const place = `${on.id} ${mountPoint}`;
    if (places.has(place)) continue;
    places.add(place);
    const isNew = filesystem >= filesystems;
    const device = isNew ? filesystems++ : filesystem;
    const groupId = device * GROUPS + group + 1;
    const master = group > 0 && follows[groupId] ? { master: groupId - 1 } : {};
    const propagation = {
      private: {},
      unbindable: { unbindable: true },
      peer: { shared: groupId, ...master },
      slave: { master: groupId },
    }[sharing];
    mounts.push(
      mount(mounts.length + 1, on.id, mountPoint, {
        device: `0:${device}`,
        root: isNew ? '/' : root,
        propagation,
      }),
    );
  }
  return new MountTree(mounts);
}
