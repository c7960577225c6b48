import { MountyardError } from '../../errors.ts';
import { withCgroupsInside } from '../../model/cgroups.ts';
import type { IdMap, PathString } from '../../model/mount.ts';
import type { Pausing } from '../../model/pausing.ts';
import type { MountTree } from '../../model/tree.ts';
import type { OwnedFd } from '../calls/fd.ts';
import { readTree } from '../capture/capture.ts';
import type { OwnerView } from '../capture/owner-ids.ts';
import type { HeldHost } from '../inspect/held.ts';
import { MountNamespace } from '../namespaces/namespace.ts';
import { owningUserNamespace } from '../namespaces/userns.ts';
import { AttachedTree } from './attached.ts';
import type { Executed, Execution, ExportedFds } from './execute.ts';
import { type Keeper, letGo } from './restored.ts';
import type { Stopwatch } from './stopwatch.ts';

/** What is still looked at when the program has run. */
export interface Asked {
  /** Where the tree is attached. */
  readonly at: PathString | undefined;
  /** The map of a new user namespace. */
  readonly idMap: IdMap | undefined;
  readonly verify: boolean;
}

/** What a restore is before its program runs. */
export interface Prepared extends Execution {
  /** Of the options as they were in the call: the caller can change its own between two turns of the event loop. */
  readonly asked: Asked;
  /** In whose ids the tree is read back: those of a user namespace that is new, that the tree is for, or the caller's. */
  readonly owners: OwnerView;
  readonly watch: Stopwatch;
}

const ROOT_REPLACED = 'the tree is the root of the namespace, and what was its root before is unmounted';

/** What a run has built: until the caller has it, it can be taken back. */
export class Built implements Disposable {
  readonly prepared: Prepared;
  readonly #executed: Executed;
  #keeper: Keeper | undefined;
  #takenBack = false;

  /** Takes over what the run handed back. */
  constructor(prepared: Prepared, executed: Executed) {
    this.prepared = prepared;
    this.#executed = executed;
    prepared.held.useReserve();
  }

  /** What keeps the trees. @throws {MountError} when it cannot be told who owns a namespace. */
  keep(): Keeper {
    this.#keeper ??= keeperOf(this.#executed.trees, this.prepared.held, this.prepared.asked);
    return this.#keeper;
  }

  /** Reads the trees as they stand; it holds on to nothing else. */
  reader(): () => Pausing<MountTree[]> {
    const { attached } = this.keep();
    const { trees } = this.#executed;
    const { owners, held } = this.prepared;
    const { cgroups } = held;
    return function* read() {
      if (attached) return [yield* attached.read()];
      const whole: MountTree[] = [];
      for (const fds of trees) whole.push(withCgroupsInside(yield* readBack(fds, owners), cgroups));
      return whole;
    };
  }

  /** Unmounts the trees and puts the host back, once; what could not be. */
  takeBack(): string[] {
    if (this.#takenBack) return [];
    this.#takenBack = true;
    const { hostEffects } = this.prepared.plan;
    const left = hostEffects.some(({ kind }) => kind === 'replace-root') ? [ROOT_REPLACED] : [];
    try {
      if (this.#keeper) letGo(this.#keeper);
    } catch (error) {
      left.push(error instanceof MountyardError ? error.message : String(error)); // what follows is done all the same
      this.#keeper?.attached?.abandon(); // nobody is there to try it again
    }
    return [...left, ...this.#executed.effects.takeBack()];
  }

  [Symbol.dispose](): void {
    this.#executed.effects.close();
  }
}

function* readBack({ mountinfo, root, namespace }: ExportedFds, owners: OwnerView): Pausing<MountTree> {
  using table = mountinfo as OwnedFd;
  return yield* readTree(table, root as OwnedFd, owners, namespace);
}

function keeperOf(exports: readonly ExportedFds[], held: HeldHost, { at, idMap }: Asked): Keeper {
  if (at !== undefined) {
    const { root, destination } = exports[0] ?? {};
    return { attached: new AttachedTree(root as OwnedFd, at, destination, held.takeTarget()) };
  }
  const namespaces: MountNamespace[] = [];
  const tables = exports.map(({ mountinfo }) => mountinfo as OwnedFd);
  try {
    for (const { namespace, root } of exports) {
      const fd = namespace as OwnedFd;
      namespaces.push(namespaceOf(fd, root, held, idMap));
    }
  } catch (error) {
    letGo({ namespaces, tables });
    for (const fds of exports) for (const fd of Object.values(fds)) fd.close();
    throw error;
  }
  return { namespaces, tables };
}

function namespaceOf(
  fd: OwnedFd,
  view: OwnedFd | undefined,
  { target, keeper }: HeldHost,
  idMap: IdMap | undefined,
): MountNamespace {
  if (target) return target.heldBy(fd, { view }); // its root is the tree's
  if (keeper) return new MountNamespace(fd, { view, keeper: keeper.share() });
  const owner = idMap && { user: owningUserNamespace(fd), idMap };
  return new MountNamespace(fd, { view, ...owner });
}
