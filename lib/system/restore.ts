import { MountyardError, UndoError } from '../errors.ts';
import type { Snapshot } from '../model/snapshot.ts';
import { MountTree } from '../model/tree.ts';
import type { RestoreOptions } from '../plan/options.ts';
import { UnmetRequirementsError } from '../plan/requirements.ts';
import { planFrom } from '../plan/restore.ts';
import { compileRestore } from '../program/compile.ts';
import { opCounts } from '../program/decode.ts';
import { AttachedTree } from './attached.ts';
import { readTree } from './capture.ts';
import {
  type Executed,
  type ExecuteOptions,
  type Execution,
  type ExportedFds,
  execute,
  executeSync,
} from './execute.ts';
import type { OwnedFd } from './fd.ts';
import type { HeldHost } from './held.ts';
import type { DoneEffects } from './host-effects.ts';
import { inspectHostHolding } from './inspect.ts';
import { MountNamespace } from './namespace.ts';
import { type OwnerView, ownerView } from './owner-ids.ts';
import { type Keeper, letGo, RestoredTree, type RestoreReport } from './restored.ts';
import { atOnce, inTurns, type Stages } from './stages.ts';
import { Stopwatch } from './stopwatch.ts';
import { mapOf, owningUserNamespace } from './userns.ts';
import { verifyOnHost } from './verify.ts';

/** How {@link restoreTreeSync} goes about it. */
export interface RestoreSyncOptions extends RestoreOptions {
  /** `false`: the tree is not compared, and read back when it is first asked for. */
  readonly verify?: boolean;
}

/** How {@link restoreTree} goes about it. */
export interface RestoreTreeOptions extends RestoreSyncOptions, ExecuteOptions {}

/**
 * Builds a mount tree again, or those of several namespaces together, and reads it back to see that it is the same.
 * Nothing outside changes until the last call, and when anything fails everything is taken back. The result holds the
 * tree: `release()` it, or `using`.
 *
 * @throws {MalformedTreeError} when no namespace can hold the tree.
 * @throws {UnmetRequirementsError} with all that the host and the options do not give, before any call.
 * @throws {UsageError} for options that contradict each other.
 * @throws {MountError} for a call that the kernel refused; {UndoError} when something of it is left.
 * @throws {CancelledError} when `signal` fired.
 */
export async function restoreTree(
  input: MountTree | Snapshot,
  options: RestoreTreeOptions = {},
): Promise<RestoredTree> {
  const prepared = await inTurns(prepare(input, options));
  using _held = prepared.held;
  return await inTurns(finish(prepared, await execute(prepared, options), options));
}

/** {@link restoreTree}, joined: in the namespaces of the calling thread, while the event loop waits. */
export function restoreTreeSync(input: MountTree | Snapshot, options: RestoreSyncOptions = {}): RestoredTree {
  const prepared = atOnce(prepare(input, options));
  using _held = prepared.held;
  return atOnce(finish(prepared, executeSync(prepared), options));
}

interface Prepared extends Execution {
  /** In whose ids the tree is read back. */
  readonly owners: OwnerView;
  readonly watch: Stopwatch;
}

function* prepare(input: MountTree | Snapshot, options: RestoreOptions): Stages<Prepared> {
  const watch = new Stopwatch();
  const { draft, facts, held } = inspectHostHolding(input, options);
  watch.lap('inspect');
  try {
    yield;
    const plan = planFrom(draft, facts);
    if (plan.unmetToRun.length > 0) throw new UnmetRequirementsError(plan.unmetToRun);
    watch.lap('plan');
    yield;
    const program = compileRestore(plan);
    watch.lap('compile');
    return { plan, program, held, place: held.place, owners: ownersOf(held, options), watch };
  } catch (error) {
    held.close();
    throw error;
  }
}

function* finish(
  prepared: Prepared,
  { trees: exports, effects }: Executed,
  options: RestoreSyncOptions,
): Stages<RestoredTree> {
  const { plan, program, held, owners, watch } = prepared;
  using _effects = effects;
  watch.lap('run');
  let keeper: Keeper = { namespaces: [], tables: [] };
  const read = () =>
    keeper.attached ? [keeper.attached.read()] : exports.map((fds) => readBack(fds, owners));
  const verified = options.verify !== false;
  try {
    keeper = keeperOf(exports, held, options);
    const trees = verified ? read() : undefined;
    const whole = trees && together(trees);
    watch.lap('readBack');
    if (verified) yield;
    const differences = whole ? verifyOnHost(plan.target, whole, held) : [];
    watch.lap('verify');
    const report: RestoreReport = {
      ...plan.notes,
      verified,
      mounts: (whole ?? plan.script.tree).size,
      calls: opCounts(program.bytes).main,
      hostEffects: plan.hostEffects,
      timings: watch.timings,
    };
    return new RestoredTree({ trees, read, plan, differences, report, keeper });
  } catch (error) {
    throw afterTakingBack(keeper, prepared, effects, error); // what could not be read back is not left standing
  }
}

/** In whose ids owners are told: those of a user namespace that is new, that the tree is for, or the caller's. */
function ownersOf({ procfs, target }: HeldHost, { userNamespace }: RestoreOptions): OwnerView {
  return ownerView(procfs, userNamespace ? mapOf(userNamespace) : target?.idMap);
}

function together(trees: readonly MountTree[]): MountTree {
  const [tree] = trees;
  return trees.length === 1 && tree ? tree : new MountTree(trees.flatMap(({ mounts }) => mounts));
}

const ROOT_REPLACED = 'the tree is the root of the namespace, and what was its root before is unmounted';

/** The error, or an {@link UndoError} around it when the tree could not be taken away or the host not be put back. */
function afterTakingBack(keeper: Keeper, { plan }: Prepared, effects: DoneEffects, error: unknown): unknown {
  const left: string[] = plan.hostEffects.some(({ kind }) => kind === 'replace-root') ? [ROOT_REPLACED] : [];
  try {
    letGo(keeper);
  } catch (refused) {
    if (!(refused instanceof MountyardError)) throw refused;
    left.push(refused.message);
  }
  left.push(...effects.takeBack());
  return error instanceof MountyardError && left.length > 0 ? new UndoError(error, left) : error;
}

function readBack({ mountinfo, root, namespace }: ExportedFds, owners: OwnerView): MountTree {
  using table = mountinfo as OwnedFd;
  return readTree(table, root as OwnedFd, owners, namespace);
}

function keeperOf(
  exports: readonly ExportedFds[],
  held: HeldHost,
  { into, userNamespace }: RestoreOptions,
): Keeper {
  if (into?.at !== undefined) {
    const { root, destination } = exports[0] ?? {};
    return { attached: new AttachedTree(root as OwnedFd, into.at, destination, held.takeTarget()) };
  }
  const namespaces: MountNamespace[] = [];
  const tables = exports.map(({ mountinfo }) => mountinfo as OwnedFd);
  try {
    for (const { namespace, root } of exports) {
      const fd = namespace as OwnedFd;
      namespaces.push(namespaceOf(fd, root, held, userNamespace));
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
  userNamespace: RestoreOptions['userNamespace'],
): MountNamespace {
  if (target) return target.heldBy(fd, view);
  if (keeper) return new MountNamespace(fd, { view, keeper: keeper.share() });
  const owner = userNamespace && { user: owningUserNamespace(fd), idMap: mapOf(userNamespace) };
  return new MountNamespace(fd, { view, ...owner });
}
