import type { Mount, PathString } from '../model/mount.ts';
import type { MountTree } from '../model/tree.ts';
import type { HostPath } from './host-path.ts';
import type { Engine } from './options/options.ts';
import type { Requirement } from './options/requirements.ts';
import type { Script } from './steps/script.ts';
import type { HostEffect, Origin, Step } from './steps/steps.ts';

/** What will be built, and what verification compares with. */
export interface Target {
  readonly tree: MountTree;
  /** Mounts on a stand-in: their type, source and options are not compared. */
  readonly standIns: ReadonlySet<number>;
  /** Mounts of windows: their superblock options are reported, not compared. */
  readonly looseSuperOptions: ReadonlySet<number>;
  /** Mounts of types that keep no source name of the caller's: it is not compared. */
  readonly looseSources: ReadonlySet<number>;
  /** The host path whose mount's peer group each master outside the tree stands for. */
  readonly hostMasters: ReadonlyMap<number, PathString>;
}

/** What a plan did differently from the tree as captured, each with the mount and the cause. */
export interface PlanNotes {
  readonly standIns: readonly { readonly mount: Mount; readonly because: string }[];
  readonly skipped: readonly Mount[];
  /** Instances made anew and empty where the tree showed no `/` root. */
  readonly leftEmpty: readonly Mount[];
  /** Mounts of the host that recursive binds brought along and that the tree did not have. */
  readonly broughtAlong: readonly Mount[];
  readonly ignoredMasters: readonly { readonly mount: Mount; readonly master: number }[];
  /** Options that the kernel prints but does not accept. */
  readonly droppedOptions: readonly { readonly mount: Mount; readonly options: readonly string[] }[];
  /** Windows whose options on this host are others than those captured. */
  readonly windowOptions: readonly {
    readonly mount: Mount;
    readonly captured: string;
    readonly inForce: string;
  }[];
  /** Nodes of filesystems made here that are not made as they were captured. */
  readonly changedNodes: readonly { readonly mount: Mount; readonly because: string }[];
  /** Second names that deleted roots of read-only superblocks keep, in their filesystems. */
  readonly keptNames: readonly { readonly mount: Mount; readonly path: PathString }[];
  /** Facts that were not known and are taken to be as the tree needs them. */
  readonly assumed: readonly string[];
}

/** What a {@link RestorePlan} is made of. */
export interface PlanParts {
  readonly engine: Engine;
  /** Whether the kernel clones a mount and sets the clone's attributes in one call. */
  readonly hasOpenTreeAttr: boolean;
  readonly origins: readonly Origin[];
  readonly script: Script;
  readonly hostEffects: readonly HostEffect[];
  readonly unmetToRun: readonly Requirement[];
  readonly imports: readonly HostPath[];
  readonly makeTarget: () => Target;
  readonly makeNotes: () => PlanNotes;
}

/** What a restore will do; nothing is done yet. */
export class RestorePlan {
  readonly engine: Engine;
  /** @internal */
  readonly hasOpenTreeAttr: boolean;
  readonly origins: readonly Origin[];
  /** The same as {@link steps}, for a compiler. @internal */
  readonly script: Script;
  readonly hostEffects: readonly HostEffect[];
  /** What is missing to run the plan, though not to make it: privilege. */
  readonly unmetToRun: readonly Requirement[];
  readonly imports: readonly HostPath[];
  readonly #makeTarget: () => Target;
  readonly #makeNotes: () => PlanNotes;
  #target: Target | undefined;
  #notes: PlanNotes | undefined;

  /** @internal */
  constructor(parts: PlanParts) {
    this.engine = parts.engine;
    this.hasOpenTreeAttr = parts.hasOpenTreeAttr;
    this.origins = parts.origins;
    this.script = parts.script;
    this.hostEffects = parts.hostEffects;
    this.unmetToRun = parts.unmetToRun;
    this.imports = parts.imports;
    this.#makeTarget = parts.makeTarget;
    this.#makeNotes = parts.makeNotes;
  }

  /** Made when it is first asked for, as are {@link steps} and {@link notes}. */
  get target(): Target {
    this.#target ??= this.#makeTarget();
    return this.#target;
  }

  get steps(): readonly Step[] {
    return this.script.steps;
  }

  get notes(): PlanNotes {
    this.#notes ??= this.#makeNotes();
    return this.#notes;
  }
}

/** A plan as people see it. */
export type PlanView = Pick<
  RestorePlan,
  'engine' | 'target' | 'origins' | 'steps' | 'hostEffects' | 'notes' | 'unmetToRun' | 'imports'
>;
