import type { Mount } from '../../model/mount.ts';
import type { MountTree } from '../../model/tree.ts';
import type { MountActionKind, MountActions } from './mount-actions.ts';
import type { Action, Step, StepKind } from './steps.ts';

/** What a line is: one of the actions that are done for every mount, or a step that is written out. */
type Line = MountActionKind | 'step';

/** A step whose sentence is made when it is read. */
export type UnwordedStep = Action & { readonly reason: () => string };

/**
 * The steps of a restore in their order. What is done for each mount is kept as a word and the mount: a compiler takes
 * each action as it comes, and only people need all of them at once, with their reasons.
 */
export class Script {
  readonly #lines: Line[] = [];
  readonly #subjects: (Mount | Step | UnwordedStep)[] = [];
  readonly #writtenOut: (Step | UnwordedStep)[] = [];
  readonly #kinds = new Set<StepKind>();
  #steps: readonly Step[] | undefined;

  /** @param tree that is built, with the mount points as captured. */
  constructor(
    readonly tree: MountTree,
    readonly actions: MountActions,
  ) {}

  get length(): number {
    return this.#lines.length;
  }

  add(step: Step | UnwordedStep): void {
    this.#kinds.add(step.kind);
    this.#writtenOut.push(step);
    this.#lines.push('step');
    this.#subjects.push(step);
  }

  addAll(steps: readonly Step[]): void {
    for (const step of steps) this.add(step);
  }

  addFor(mount: Mount, kind: MountActionKind): void {
    this.#lines.push(kind);
    this.#subjects.push(mount);
  }

  /** Whether a step of this kind was added; not for what is done for each mount. */
  has(kind: Exclude<StepKind, MountActionKind>): boolean {
    return this.#kinds.has(kind);
  }

  /** The mount of a line that is one of the actions for every mount. */
  mountAt(index: number): Mount {
    return this.#subjects[index] as Mount;
  }

  lineAt(index: number): Line {
    return this.#lines[index] as Line;
  }

  action(index: number): Action {
    const line = this.#lines[index];
    const subject = this.#subjects[index];
    return line === 'step' ? (subject as Action) : this.#actionFor(line as MountActionKind, subject as Mount);
  }

  step(index: number): Step {
    const line = this.#lines[index];
    const subject = this.#subjects[index];
    if (line === 'step') return worded(subject as Step | UnwordedStep);
    const kind = line as MountActionKind;
    return {
      ...this.#actionFor(kind, subject as Mount),
      reason: this.actions.reason(kind, subject as Mount),
    };
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
    this.#lines.forEach((line, index) => {
      const subject = this.#subjects[index];
      if (line !== 'step') script.addFor(subject as Mount, line);
      else if (!isFirst(subject as Step | UnwordedStep)) script.add(subject as Step | UnwordedStep);
    });
    return script;
  }
}

function worded(step: Step | UnwordedStep): Step {
  return typeof step.reason === 'string' ? (step as Step) : { ...step, reason: step.reason() };
}
