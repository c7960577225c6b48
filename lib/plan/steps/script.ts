import { ByteList } from '../../model/byte-list.ts';
import type { Mount, PathString } from '../../model/mount.ts';
import type { MountTree } from '../../model/tree.ts';
import type { MountActionKind, MountActions } from './mount-actions.ts';
import type { Action, ActionOf, NodeKind, OriginId, Step, StepKind } from './steps.ts';

/** A line is a step that is written out, a node that is made as the tree needs it, or what is done for every mount. */
const LINES = [
  'step',
  'node',
  'clone',
  'clone-image',
  'start-group',
  'clone-member',
  'place',
  'set-group',
] as const satisfies readonly ('step' | 'node' | MountActionKind)[];
type Line = (typeof LINES)[number];
const CODES = Object.fromEntries(LINES.map((line, code) => [line, code])) as { [line in Line]: number };
/** Lines for each mount, at most in most trees. */
const LINES_A_MOUNT = 4;

/** The lines that make nodes in one origin, one after the other. */
interface NodeRun {
  readonly origin: OriginId;
  readonly kindOf: (path: PathString) => NodeKind;
  /** The first of the lines, and the first after them. */
  readonly start: number;
  readonly end: number;
}

/** Why an ordinary node is made. */
export const NEEDED = 'the tree shows it, or mounts on it';

/** A step whose sentence is made when it is read. */
export type UnwordedStep = Action & { readonly reason: () => string };

/**
 * The steps of a restore in their order. What is done for each mount is kept as a word and the mount: a compiler takes
 * each action as it comes, and only people need all of them at once, with their reasons.
 */
export class Script {
  readonly #codes: ByteList;
  readonly #subjects: (Mount | PathString | Step | UnwordedStep)[];
  #length = 0;
  readonly #nodes: NodeRun[] = [];
  readonly #writtenOut: (Step | UnwordedStep)[] = [];
  readonly #kinds = new Set<StepKind>();
  #steps: readonly Step[] | undefined;

  /** @param tree that is built, with the mount points as captured. */
  constructor(
    readonly tree: MountTree,
    readonly actions: MountActions,
  ) {
    const expected = LINES_A_MOUNT * tree.size;
    this.#codes = new ByteList(expected);
    this.#subjects = new Array(expected);
  }

  get length(): number {
    return this.#length;
  }

  add(step: Step | UnwordedStep): void {
    this.#kinds.add(step.kind);
    this.#writtenOut.push(step);
    this.#push('step', step);
  }

  addAll(steps: readonly Step[]): void {
    for (const step of steps) this.add(step);
  }

  addFor(mount: Mount, kind: MountActionKind): void {
    this.#push(kind, mount);
  }

  /** Makes ordinary nodes in an origin, in this order, because the tree needs them. */
  addNodes(origin: OriginId, paths: readonly PathString[], kindOf: (path: PathString) => NodeKind): void {
    this.#kinds.add('make-node');
    this.#nodes.push({ origin, kindOf, start: this.length, end: this.length + paths.length });
    for (const path of paths) this.#push('node', path);
  }

  #push(line: Line, subject: Mount | PathString | Step | UnwordedStep): void {
    this.#codes.set(this.#length, CODES[line]);
    this.#subjects[this.#length] = subject;
    this.#length += 1;
  }

  /** Whether a step of this kind was added; not for what is done for each mount. */
  has(kind: Exclude<StepKind, MountActionKind>): boolean {
    return this.#kinds.has(kind);
  }

  /** The mount of a line that is one of the actions for every mount. */
  mountAt(index: number): Mount {
    return this.#subjects[index] as Mount;
  }

  /** The origin of a line that makes a node as the tree needs it. */
  nodeOriginAt(index: number): OriginId {
    return this.#nodesAt(index).origin;
  }

  lineAt(index: number): Line {
    return LINES[this.#codes.at(index)] as Line;
  }

  action(index: number): Action {
    const line = this.lineAt(index);
    if (line === 'step') return this.#subjects[index] as Action;
    return line === 'node' ? this.#makeNode(index) : this.#actionFor(line, this.mountAt(index));
  }

  step(index: number): Step {
    const line = this.lineAt(index);
    if (line === 'step') return worded(this.#subjects[index] as Step | UnwordedStep);
    if (line === 'node') return { ...this.#makeNode(index), reason: NEEDED };
    const mount = this.mountAt(index);
    return { ...this.#actionFor(line, mount), reason: this.actions.reason(line, mount) };
  }

  #makeNode(index: number): ActionOf<'make-node'> {
    const { origin, kindOf } = this.#nodesAt(index);
    const path = this.#subjects[index] as PathString;
    return { kind: 'make-node', origin, path, node: kindOf(path) };
  }

  #nodesAt(index: number): NodeRun {
    let low = 0;
    let high = this.#nodes.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.#nodes[middle] as NodeRun).start <= index) low = middle;
      else high = middle - 1;
    }
    return this.#nodes[low] as NodeRun;
  }

  /** A method by its name is looked up anew each time. */
  #actionFor(kind: MountActionKind, mount: Mount): Action {
    switch (kind) {
      case 'clone':
        return this.actions.clone(mount);
      case 'place':
        return this.actions.place(mount);
      case 'set-group':
        return this.actions['set-group'](mount);
      case 'start-group':
        return this.actions['start-group'](mount);
      case 'clone-member':
        return this.actions['clone-member'](mount);
      case 'clone-image':
        return this.actions['clone-image'](mount);
    }
  }

  get steps(): readonly Step[] {
    this.#steps ??= Array.from({ length: this.length }, (_, index) => this.step(index));
    return this.#steps;
  }

  /** The steps that are written out. */
  get writtenOut(): readonly Action[] {
    return this.#writtenOut;
  }

  /** The same steps with some of those that are written out before all others, and `between` after them. */
  withFirst(isFirst: (step: Action) => boolean, between: Step): Script {
    const script = new Script(this.tree, this.actions);
    for (const step of this.#writtenOut) if (isFirst(step)) script.add(step);
    script.add(between);
    for (let index = 0; index < this.length; index += 1) {
      const line = this.lineAt(index);
      const subject = this.#subjects[index];
      if (line === 'node') this.#copyNodes(index, script);
      else if (line !== 'step') script.addFor(subject as Mount, line);
      else if (!isFirst(subject as Step | UnwordedStep)) script.add(subject as Step | UnwordedStep);
    }
    return script;
  }

  /** All nodes of a run, at its first line. */
  #copyNodes(index: number, script: Script): void {
    const { origin, kindOf, start, end } = this.#nodesAt(index);
    if (index === start) script.addNodes(origin, this.#subjects.slice(start, end) as PathString[], kindOf);
  }
}

function worded(step: Step | UnwordedStep): Step {
  return typeof step.reason === 'string' ? (step as Step) : { ...step, reason: step.reason() };
}
