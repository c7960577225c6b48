/** Steps → ops: pure. Each slot is closed after its last use, so that few fds are open at a time. */
import type { Mount } from '../model/mount.ts';
import { atOnce, inStretches, type Pausing, STRETCH } from '../model/pausing.ts';
import type { Group } from '../plan/groups/groups.ts';
import type { RestorePlan } from '../plan/plan.ts';
import type { Script } from '../plan/steps/script.ts';
import type { Action, Origin, OriginId } from '../plan/steps/steps.ts';
import {
  attach,
  becomeRoot,
  dropOldRoot,
  enterNamespace,
  handBackNamespace,
  lift,
  makeDestinationPrivate,
  pivotTo,
  replaceRoot,
} from './attach-ops.ts';
import type { CompiledProgram, Export, Import } from './compiled.ts';
import { openCopies } from './copies.ts';
import { Depot } from './depot.ts';
import { Emitter } from './emitter.ts';
import { goHome, keepHome } from './home.ts';
import { LastUses } from './last-uses.ts';
import {
  attributesOfNew,
  cloneImage,
  cloneMember,
  cloneMount,
  cloneSource,
  isMadeWhole,
  joinGroup,
  makeGroup,
  placeMount,
  shareMount,
  shareSource,
  startGroup,
} from './mount-ops.ts';
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
  setMode,
} from './origin-ops.ts';
import { exportKey } from './slot-keys.ts';
import { Way } from './way.ts';
import { NO_PARKING, type Parking, Yard } from './yard.ts';

/**
 * Compiles a plan.
 *
 * @returns the bytes for the interpreter, what its import and export slots hold, and which step each op belongs to.
 * @throws UsageError for a path or option with a NUL byte, or a name that no path can hold.
 */
export function compileRestore(plan: RestorePlan): CompiledProgram {
  return atOnce(compiling(plan));
}

/** {@link compileRestore}, with pauses. */
export function* compiling(plan: RestorePlan): Pausing<CompiledProgram> {
  const { script } = plan;
  const isNamespace = script.has('become-root') || script.has('replace-root');
  const names = exportNames(script);
  const exports = [
    ...script.tree.roots.flatMap((_, tree) => names.map((name): Export => ({ name, tree }))),
    ...Array.from(undoDirectories(script), (_, tree): Export => ({ name: 'undo', tree })),
  ];
  const leaves = isNamespace || plan.engine === 'yard' || script.has('enter-namespace');
  const returns = plan.origins.some(hasLongSource) || (leaves && comesHome(script));
  const emitter = new Emitter(script, importsOf(plan, isNamespace || returns), exports, plan.hasOpenTreeAttr);
  const parking = plan.engine === 'yard' ? new Yard(emitter) : NO_PARKING;
  yield;
  const uses = new LastUses(script);
  yield;
  // In the yard all are mounted.
  const depot = new Depot(emitter, plan.engine === 'yard' ? 0 : uses.dismissed);
  const dismiss = (slot: number, origin?: OriginId) =>
    origin === undefined || plan.origins[origin]?.kind === 'filesystem'
      ? depot.dismiss(slot)
      : emitter.close(slot);

  const way = new Way(emitter);
  handBackRoots(emitter, script);
  openCopies(emitter, plan);
  if (returns) keepHome(emitter);
  longSourceOps(emitter, plan.origins);
  yield* eachAction(script, (action, index) => {
    emitter.step = index;
    if (action.kind === 'attach') depot.close(); // nothing that can fail comes after it
    emitAction(emitter, plan, action, parking, uses, way);
    uses.closeAfter(index, action, emitter, dismiss);
  });
  depot.close();
  return emitter.finish();
}

function eachAction(script: Script, emit: (action: Action, index: number) => void): Pausing<void> {
  return inStretches(script.length, STRETCH, (start, end) => {
    for (let index = start; index < end; index += 1) emit(script.action(index), index);
  });
}

function emitAction(
  emitter: Emitter,
  plan: RestorePlan,
  action: Action,
  parking: Parking,
  uses: LastUses,
  way: Way,
): void {
  if (action.kind !== 'make-node' && action.kind !== 'delete') way.leave();
  const { tree, actions } = plan.script;
  switch (action.kind) {
    case 'make-filesystem': {
      const taker = uses.takerAtOnce(action.origin);
      const attributes = taker && attributesOfNew(plan.script.actions.clone(taker));
      makeFilesystem(emitter, action.origin, plan.origins[action.origin] as Origin, attributes);
      if (!uses.isTaken(action.origin)) parking.park(emitter.origin(action.origin), 'directory');
      break;
    }
    case 'clone-source': {
      const taker = uses.takerAtOnce(action.origin);
      cloneSource(emitter, action, taker && plan.script.actions.clone(taker));
      if (!uses.isTaken(action.origin)) parking.park(emitter.origin(action.origin), action.node);
      break;
    }
    case 'make-node':
    case 'make-mount-point':
      makeNode(emitter, action, way);
      break;
    case 'set-mode':
      setMode(emitter, action);
      break;
    case 'make-device':
      makeDevice(emitter, action);
      break;
    case 'make-link':
      makeLink(emitter, action);
      break;
    case 'clone': {
      const mount = tree.get(action.mount) as Mount;
      const origin = plan.origins[action.origin] as Origin;
      const isTaken = uses.takerAtOnce(action.origin) !== undefined;
      if (isTaken && isMadeWhole(action, origin)) emitter.setMount(mount.id, emitter.origin(action.origin));
      else cloneMount(emitter, action, origin, mount.mountPoint);
      if (!tree.parentOf(mount)) parking.park(emitter.mount(action.mount), 'directory');
      break;
    }
    case 'clone-image':
      cloneImage(emitter, action, tree.get(action.mount)?.mountPoint ?? '');
      break;
    case 'place':
      placeMount(emitter, action, tree.get(action.mount)?.mountPoint ?? '');
      break;
    case 'share-source':
      shareSource(emitter, action);
      break;
    case 'make-group': {
      const master = action.master === undefined ? undefined : actions.groupNamed(action.master);
      makeGroup(emitter, action, { group: actions.groupNamed(action.group), master }, parking);
      break;
    }
    case 'start-group': {
      const { from, mount } = action;
      const group = groupOf(plan.script, mount);
      const starting = { group, master: actions.masterOf(group) };
      const origin = from && plan.origins[from.origin];
      startGroup(emitter, action, starting, origin, tree.get(mount)?.mountPoint ?? '', parking);
      break;
    }
    case 'clone-member':
      cloneMember(
        emitter,
        action,
        groupOf(plan.script, action.mount),
        tree.get(action.mount)?.mountPoint ?? '',
      );
      break;
    case 'set-group':
      joinGroup(emitter, action, groupOf(plan.script, action.mount));
      break;
    case 'share':
      shareMount(emitter, action);
      break;
    case 'rename':
      renameNode(emitter, action);
      break;
    case 'link':
      linkNode(emitter, action);
      break;
    case 'delete':
      deleteNode(emitter, action, way);
      break;
    case 'superblock-read-only':
      makeReadOnly(emitter, action);
      break;
    case 'become-root':
      if (action.standing) pivotTo(emitter, emitter.mount(action.mount));
      else becomeRoot(emitter, emitter.mount(action.mount));
      break;
    case 'drop-old-root':
      // Nothing takes back that the root of a namespace went: what can fail comes before.
      if (action.replaced) handBackNamespace(emitter, action.namespace);
      dropOldRoot(
        emitter,
        action,
        action.holders.map((key) => actions.groupNamed(key)),
      );
      if (!action.replaced) handBackNamespace(emitter, action.namespace);
      break;
    case 'open-yard':
      if (parking instanceof Yard) parking.open(plan.script.has('lift'));
      break;
    case 'lift':
      lift(emitter, action);
      break;
    case 'go-home':
      goHome(emitter);
      break;
    case 'make-destination-private':
      makeDestinationPrivate(emitter);
      break;
    case 'enter-namespace':
      enterNamespace(emitter);
      break;
    case 'replace-root':
      replaceRoot(emitter, emitter.mount(action.mount), action.leavesGroup);
      break;
    case 'attach':
      attach(emitter, emitter.mount(action.mount));
      break;
  }
}

/** What a mount joins that is given its sharing. */
function groupOf({ tree, actions }: Script, mount: number): Group {
  return actions.groupOf(tree.get(mount) as Mount) as Group;
}

/**
 * Whether anything is done in the caller's namespace after that was left, or may have to be undone there: from the new
 * one a mount point could not be removed, because the tree is mounted on it.
 */
function comesHome(script: Script): boolean {
  return script.has('go-home') || script.has('share-source') || script.has('make-mount-point');
}

/** The directories of the host in which mount points are made. */
function undoDirectories(script: Script): Set<string> {
  const directories = new Set<string>();
  if (!script.has('make-mount-point')) return directories;
  for (let index = 0; index < script.length; index += 1) {
    const action = script.lineAt(index) === 'step' ? script.action(index) : undefined;
    if (action?.kind !== 'make-mount-point') continue;
    directories.add(`${action.origin}:${action.path.slice(0, action.path.lastIndexOf('/'))}`);
  }
  return directories;
}

/** A root's fd is handed back: its slot, or that of the origin that it is, is the export's. */
function handBackRoots(emitter: Emitter, script: Script): void {
  if (script.has('lift')) return; // the clones of the whole trees are
  script.tree.roots.forEach((root, tree) => {
    const slot = emitter.get(exportKey('root', tree));
    if (script.actions.takes(root)) emitter.setOrigin(script.actions.originOf(root), slot);
    else emitter.setMount(root.id, slot);
  });
}

function importsOf({ imports, script }: RestorePlan, needsProc: boolean): Import[] {
  const wanted: Import[] = imports
    .filter(({ inCopy }) => !inCopy)
    .map(({ path, of }) => ({ kind: 'source', path, of }));
  for (const mount of script.tree.inOrder) {
    const map = script.actions.idmapOf(mount);
    if (map) wanted.push({ kind: 'idmap', mount: mount.id, map });
  }
  for (const step of script.writtenOut) {
    if (step.kind === 'attach') wanted.push({ kind: 'destination', path: step.at });
    if (step.kind === 'replace-root') wanted.push({ kind: 'destination', path: '/' });
    if (step.kind === 'enter-namespace') wanted.push({ kind: 'namespace' });
  }
  if (needsProc) wanted.push({ kind: 'proc' });
  return wanted;
}

/** What is handed back for each tree. */
function exportNames(script: Script): Export['name'][] {
  if (script.has('become-root') || script.has('replace-root')) return ['namespace', 'mountinfo', 'root'];
  return script.has('make-destination-private') ? ['root', 'destination'] : ['root'];
}
