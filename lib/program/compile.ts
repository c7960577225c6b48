/** Steps → ops: pure. Each slot is closed after its last use, so that few fds are open at a time. */
import type { RestorePlan } from '../plan/plan.ts';
import type { Origin, Step } from '../plan/steps.ts';
import {
  attach,
  becomeRoot,
  dropOldRoot,
  handBackNamespace,
  lift,
  makeDestinationPrivate,
  pivotTo,
} from './attach-ops.ts';
import type { CompiledProgram, Export, Import } from './compiled.ts';
import { Emitter, exportKey, type SlotKey } from './emitter.ts';
import { goHome, keepHome } from './home.ts';
import { cloneMount, cloneSource, joinGroup, makeGroup, placeMount, shareSource } from './mount-ops.ts';
import {
  deleteNode,
  hasLongSource,
  linkNode,
  longSourceOps,
  makeDevice,
  makeFilesystem,
  makeLink,
  makeNode,
  makeReadOnly,
  renameNode,
} from './origin-ops.ts';
import { NO_PARKING, type Parking, Yard } from './yard.ts';

/**
 * Compiles a plan.
 *
 * @returns the bytes for the interpreter, what its import and export slots hold, and which step each op belongs to.
 * @throws UsageError for a path or option with a NUL byte, or a name that no path can hold.
 */
export function compileRestore(plan: RestorePlan): CompiledProgram {
  const isNamespace = plan.steps.some((step) => step.kind === 'become-root');
  const names = exportNames(plan.steps);
  const exports = plan.target.tree.roots.flatMap((_, tree) => names.map((name) => ({ name, tree })));
  const leaves = isNamespace || plan.engine === 'yard';
  const returns = plan.origins.some(hasLongSource) || (leaves && plan.steps.some(comesHome));
  const emitter = new Emitter(importsOf(plan, isNamespace || returns), exports);
  const parking = plan.engine === 'yard' ? new Yard(emitter) : NO_PARKING;
  const taken = takenOrigins(plan.steps);
  const last = lastUses(plan.steps);

  handBackRoots(emitter, plan);
  if (returns) keepHome(emitter);
  longSourceOps(emitter, plan.origins);
  plan.steps.forEach((step, index) => {
    emitter.step = index;
    emitStep(emitter, plan, step, parking, taken);
    for (const key of keysOf(step)) if (last.get(key) === index) emitter.close(emitter.get(key));
  });
  return emitter.finish();
}

function emitStep(
  emitter: Emitter,
  plan: RestorePlan,
  step: Step,
  parking: Parking,
  taken: ReadonlySet<number>,
): void {
  const mountPoint = (id: number) => plan.target.tree.get(id)?.mountPoint ?? `#${id}`;
  const origin = (id: number) => plan.origins[id] as Origin;
  switch (step.kind) {
    case 'make-filesystem':
      makeFilesystem(emitter, step.origin, origin(step.origin));
      if (!taken.has(step.origin)) parking.park(emitter.get(`origin:${step.origin}`), 'directory');
      break;
    case 'clone-source':
      cloneSource(emitter, step);
      if (!taken.has(step.origin)) parking.park(emitter.get(`origin:${step.origin}`), step.node);
      break;
    case 'make-node':
    case 'make-mount-point':
      makeNode(emitter, step);
      break;
    case 'make-device':
      makeDevice(emitter, step);
      break;
    case 'make-link':
      makeLink(emitter, step);
      break;
    case 'clone':
      cloneMount(emitter, step, origin(step.origin), mountPoint(step.mount));
      if (isRoot(plan, step.mount)) parking.park(emitter.get(`mount:${step.mount}`), 'directory');
      break;
    case 'place':
      placeMount(emitter, step, mountPoint(step.mount));
      break;
    case 'share-source':
      shareSource(emitter, step);
      break;
    case 'make-group':
      makeGroup(emitter, step, parking);
      break;
    case 'set-group':
      joinGroup(emitter, step);
      break;
    case 'rename':
      renameNode(emitter, step);
      break;
    case 'link':
      linkNode(emitter, step);
      break;
    case 'delete':
      deleteNode(emitter, step);
      break;
    case 'superblock-read-only':
      makeReadOnly(emitter, step);
      break;
    case 'become-root':
      if (step.standing) pivotTo(emitter, emitter.get(`mount:${step.mount}`));
      else becomeRoot(emitter, emitter.get(`mount:${step.mount}`));
      break;
    case 'drop-old-root':
      dropOldRoot(emitter, step);
      handBackNamespace(emitter, step.namespace);
      break;
    case 'open-yard':
      if (parking instanceof Yard) parking.open(plan.steps.some(({ kind }) => kind === 'lift'));
      break;
    case 'lift':
      lift(emitter, step);
      break;
    case 'go-home':
      goHome(emitter);
      break;
    case 'make-destination-private':
      makeDestinationPrivate(emitter);
      break;
    case 'attach':
      attach(emitter, emitter.get(`mount:${step.mount}`));
      break;
  }
}

/**
 * Whether it is done in the caller's namespace after that was left, or may have to be undone there: from the new one
 * a mount point could not be removed, because the tree is mounted on it.
 */
function comesHome({ kind }: Step): boolean {
  return kind === 'go-home' || kind === 'share-source' || kind === 'make-mount-point';
}

/** A root's fd is handed back: its slot, or that of the origin that it is, is the export's. */
function handBackRoots(emitter: Emitter, plan: RestorePlan): void {
  if (plan.steps.some((step) => step.kind === 'lift')) return; // the clones of the whole trees are
  const roots = plan.target.tree.roots.map((root) => root.id);
  for (const step of plan.steps) {
    if (step.kind !== 'clone' || !roots.includes(step.mount)) continue;
    const key = step.take ? `origin:${step.origin}` : `mount:${step.mount}`;
    emitter.alias(key, emitter.get(exportKey('root', roots.indexOf(step.mount))));
  }
}

function isRoot(plan: RestorePlan, id: number): boolean {
  return plan.target.tree.roots.some((root) => root.id === id);
}

function importsOf(plan: RestorePlan, needsProc: boolean): Import[] {
  const imports: Import[] = plan.imports.map(({ path, of }) => ({ kind: 'source', path, of }));
  for (const step of plan.steps) {
    if (step.kind === 'attach') imports.push({ kind: 'destination', path: step.at });
    if (step.kind === 'clone' && step.idmap) imports.push({ kind: 'idmap', mount: step.mount });
  }
  if (needsProc) imports.push({ kind: 'proc' });
  return imports;
}

/** The slots that a step uses and that may be closed when no later one does. */
function keysOf(step: Step): SlotKey[] {
  switch (step.kind) {
    case 'make-filesystem':
    case 'clone-source':
    case 'make-node':
    case 'make-mount-point':
    case 'make-device':
    case 'make-link':
    case 'rename':
    case 'link':
    case 'delete':
    case 'superblock-read-only':
      return [`origin:${step.origin}`];
    case 'clone':
      return step.take ? [`mount:${step.mount}`] : [`origin:${step.origin}`, `mount:${step.mount}`];
    case 'place':
      return [`mount:${step.mount}`, `mount:${step.parent}`];
    case 'make-group':
      return [
        `group:${step.group}`,
        ...(step.master === undefined ? [] : [`group:${step.master}`]),
        ...('origin' in step.from ? [`origin:${step.from.origin}`] : []),
      ];
    case 'set-group':
      return [`group:${step.group}`, `mount:${step.mount}`];
    case 'become-root':
    case 'lift':
    case 'attach':
      return [`mount:${step.mount}`];
    case 'share-source':
    case 'make-destination-private':
    case 'open-yard':
    case 'go-home':
    case 'drop-old-root':
      return [];
  }
}

/** What is handed back for each tree. */
function exportNames(steps: readonly Step[]): Export['name'][] {
  if (steps.some(({ kind }) => kind === 'become-root')) return ['namespace', 'mountinfo', 'root'];
  return steps.some(({ kind }) => kind === 'make-destination-private') ? ['root', 'destination'] : ['root'];
}

/** The origins that become mounts of the tree themselves. */
function takenOrigins(steps: readonly Step[]): Set<number> {
  return new Set(steps.flatMap((step) => (step.kind === 'clone' && step.take ? [step.origin] : [])));
}

function lastUses(steps: readonly Step[]): Map<SlotKey, number> {
  const last = new Map<SlotKey, number>();
  steps.forEach((step, index) => {
    for (const key of keysOf(step)) last.set(key, index);
  });
  // An origin that is taken as a mount is closed as that mount.
  for (const step of steps) if (step.kind === 'clone' && step.take) last.delete(`origin:${step.origin}`);
  return last;
}
