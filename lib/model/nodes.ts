import { defined } from './defined.ts';
import { idInside } from './id-maps.ts';
import type { IdMap, IdRange, Mount, NodeStatus } from './mount.ts';
import { superOptionWords } from './super-options.ts';

const DIRECTORY = 0o755;
const FILE = 0o644;
/** Roots of filesystems that are not 0755 when no `mode=` says so. */
const ROOT_MODES: { readonly [type: string]: number } = { tmpfs: 0o1777 };

/** Whether a node needs no mention: root's directory with mode 0755, or root's plain file with mode 0644. */
export function isOrdinaryNode({ kind, mode, uid, gid }: NodeStatus): boolean {
  return (
    uid === 0 &&
    gid === 0 &&
    ((kind === 'directory' && mode === DIRECTORY) || (kind === 'file' && mode === FILE))
  );
}

/** The same for the roots of mounts: that of a whole filesystem is ordinary when it is as the options say. */
export class OrdinaryRoots {
  readonly #options = new Map<string, ReadonlyMap<string, string | undefined>>();

  has({ root, type, superOptions }: Mount, node: NodeStatus): boolean {
    if (root !== '/' || node.kind !== 'directory') return isOrdinaryNode(node);
    const options = this.#optionsOf(superOptions);
    const given = (key: string, radix: number) => {
      const value = options.get(key);
      return value === undefined ? undefined : Number.parseInt(value, radix);
    };
    const usual = Object.hasOwn(ROOT_MODES, type) ? ROOT_MODES[type] : DIRECTORY;
    return (
      node.mode === (given('mode', 8) ?? usual) &&
      node.uid === (given('uid', 10) ?? 0) &&
      node.gid === (given('gid', 10) ?? 0)
    );
  }

  #optionsOf(superOptions: string): ReadonlyMap<string, string | undefined> {
    let options = this.#options.get(superOptions);
    if (!options) {
      options = new Map(superOptionWords(superOptions).map(({ key, value }) => [key, value]));
      this.#options.set(superOptions, options);
    }
    return options;
  }
}

/** Whether both owners of a node are known. */
export function isOwned(node: Pick<NodeStatus, 'uid' | 'gid'>): boolean {
  return node.uid !== undefined && node.gid !== undefined;
}

/**
 * The node as its filesystem has it, when it was seen through an idmapped mount: that shows other owners. Those that
 * its map does not have, and all where the map is not known, are left out.
 */
export function behindIdmap(node: NodeStatus, idmap: IdMap | undefined): NodeStatus {
  const { uid, gid, ...rest } = node;
  return {
    ...rest,
    ...defined({ uid: behind(idmap?.uid, uid), gid: behind(idmap?.gid, gid) }),
  };
}

function behind(ranges: readonly IdRange[] = [], id: number | undefined): number | undefined {
  return id === undefined ? undefined : idInside(ranges, id);
}
