import { MountyardError, UndoError } from '../../errors.ts';
import { atOnce, type Pausing } from '../../model/pausing.ts';
import type { Snapshot } from '../../model/snapshot.ts';
import { MountTree } from '../../model/tree.ts';
import type { RestoreOptions } from '../../plan/options/options.ts';
import { UnmetRequirementsError } from '../../plan/options/requirements.ts';
import { planFrom } from '../../plan/restore.ts';
import { compiling } from '../../program/compile.ts';
import { opCounts } from '../../program/decode.ts';
import { undoneByExit } from '../calls/exit.ts';
import { inTurns } from '../calls/turns.ts';
import { ownerView } from '../capture/owner-ids.ts';
import { inspectHostHolding } from '../inspect/inspect.ts';
import { mapOf } from '../namespaces/userns.ts';
import { type Asked, Built, type Prepared } from './built.ts';
import { type ExecuteOptions, executeSync, StartedExecution } from './execute.ts';
import { leftBehind } from './left-behind.ts';
import { RestoredTree, type RestoreReport } from './restored.ts';
import { Stopwatch } from './stopwatch.ts';
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
 * tree: `release()` it, or `using`. Before the promise is returned, the options are read, and what the host gives is
 * looked at and held.
 *
 * @throws {MalformedTreeError} when no namespace can hold the tree.
 * @throws {UnmetRequirementsError} with all that the host and the options do not give, before any call.
 * @throws {UsageError} for options that contradict each other.
 * @throws {MountError} for a call that the kernel refused; {UndoError} when something of it is left.
 * @throws {CancelledError} when `signal` fired.
 * @throws {ProcfsError} when /proc is no procfs; {BusyTableError}, {UnseenMountsError} when a table cannot be read.
 */
export async function restoreTree(
  input: MountTree | Snapshot,
  options: RestoreTreeOptions = {},
): Promise<RestoredTree> {
  const { signal, onProgress } = options;
  const prepared = await inTurns(prepare(input, options));
  using _held = prepared.held;
  using started = new StartedExecution(prepared, { signal, onProgress });
  let built: Built | undefined;
  const take = () => {
    const executed = built ? undefined : started.take();
    if (executed) built = new Built(prepared, executed);
    return built;
  };
  using _exit = undoneByExit({ run: started.run, giveUp: () => leftAtExit(take) });
  await started.run.over;
  using whole = take() as Built;
  return await inTurns(finish(whole));
}

/** {@link restoreTree}, joined: in the namespaces of the calling thread, while the event loop waits. */
export function restoreTreeSync(input: MountTree | Snapshot, options: RestoreSyncOptions = {}): RestoredTree {
  const prepared = atOnce(prepare(input, options));
  using _held = prepared.held;
  using built = new Built(prepared, executeSync(prepared));
  return atOnce(finish(built));
}

function* prepare(input: MountTree | Snapshot, options: RestoreSyncOptions): Pausing<Prepared> {
  const watch = new Stopwatch();
  const { draft, facts, held } = inspectHostHolding(input, options);
  watch.lap('inspect');
  try {
    const asked = askedIn(options);
    const owners = ownerView(held.procfs, asked.idMap ?? held.target?.idMap);
    yield;
    const plan = yield* planFrom(draft, facts);
    if (plan.unmetToRun.length > 0) throw new UnmetRequirementsError(plan.unmetToRun);
    watch.lap('plan');
    yield;
    const program = yield* compiling(plan);
    held.reserve();
    watch.lap('compile');
    return { plan, program, held, place: held.place, owners, asked, watch };
  } catch (error) {
    held.close();
    throw error;
  }
}

function* finish(built: Built): Pausing<RestoredTree> {
  const { plan, program, held, watch, asked } = built.prepared;
  watch.lap('run');
  const verified = asked.verify;
  try {
    const keeper = built.keep();
    const read = built.reader();
    const replaced = plan.script.has('replace-root');
    const trees = verified || replaced ? yield* read() : undefined;
    const whole = trees && together(trees);
    watch.lap('readBack');
    yield;
    const target = verified ? plan.target : undefined; // made when it is first asked for
    yield;
    const differences = whole && target ? yield* verifyOnHost(target, whole, held) : [];
    watch.lap('verify');
    yield;
    const [namespace] = keeper.namespaces ?? [];
    const report: RestoreReport = {
      ...plan.notes,
      verified,
      mounts: (whole ?? plan.script.tree).size,
      calls: opCounts(program.bytes).main,
      hostEffects: plan.hostEffects,
      ...(replaced && whole && namespace ? leftBehind(held.procfs, namespace.fd, whole) : { leftBehind: [] }),
      timings: watch.timings,
    };
    return new RestoredTree({ trees, read, plan, differences, report, keeper });
  } catch (error) {
    throw afterTakingBack(built, error); // what could not be read back is not left standing
  }
}

function askedIn({ into, userNamespace, verify }: RestoreSyncOptions): Asked {
  return { at: into?.at, idMap: userNamespace && mapOf(userNamespace), verify: verify !== false };
}

function together(trees: readonly MountTree[]): MountTree {
  const [tree] = trees;
  return trees.length === 1 && tree ? tree : new MountTree(trees.flatMap(({ mounts }) => mounts));
}

/** The error, or an {@link UndoError} around it when the tree could not be taken away or the host not be put back. */
function afterTakingBack(built: Built, error: unknown): unknown {
  const left = built.takeBack();
  if (left.length === 0) return error;
  return new UndoError(error instanceof Error ? error : new Error(String(error)), left);
}

/** Of a restore that nobody is told of any more: takes it back, and says what could not be. */
function leftAtExit(take: () => Built | undefined): readonly string[] {
  let built: Built | undefined;
  try {
    built = take();
  } catch (error) {
    if (error instanceof UndoError) return error.left;
    if (error instanceof MountyardError) return []; // the run took everything back
    throw error;
  }
  if (!built) return ['a call of the restore did not come back, and what it had done stays'];
  const left: string[] = [];
  try {
    built.keep();
  } catch (error) {
    if (!(error instanceof MountyardError)) left.push(String(error)); // else the tree went with its fds
  }
  return [...left, ...built.takeBack()];
}
