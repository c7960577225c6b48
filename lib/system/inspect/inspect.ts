import { MountError } from '../../errors.ts';
import type { DestinationFact, FilesystemFact, HostFacts } from '../../model/facts.ts';
import { questionsOf } from '../../plan/ask.ts';
import { type Draft, draftRestore } from '../../plan/draft.ts';
import type { Restorable } from '../../plan/namespaces.ts';
import type { RestoreOptions } from '../../plan/options/options.ts';
import { placeInside } from '../calls/other-namespaces.ts';
import { NamespaceKeeper } from '../namespaces/keeper.ts';
import { MountNamespace } from '../namespaces/namespace.ts';
import { needsKeeper, placeFor } from '../namespaces/userns.ts';
import { type FilesystemView, inspectFilesystem } from './filesystems.ts';
import { HeldHost } from './held.ts';
import { probeWith } from './probe.ts';
import { inspectDestination, inspectDestinationInside, inspectSources, type SourceView } from './sources.ts';

/**
 * What the host gives for a restore of `tree` with `options`: the sources that the options name, the filesystems
 * that would be made, the destination, and what this kernel and user can do. Changes nothing.
 *
 * @throws {UsageError} when the options name what is not in the tree.
 * @throws {ProcfsError} when /proc is no procfs; {BusyTableError}, {UnseenMountsError} when a table cannot be read.
 * @throws {MountError} where something could not be tried: ENOMEM, EMFILE, EAGAIN, ENOSPC.
 */
export function inspectHost(input: Restorable, options: RestoreOptions = {}): HostFacts {
  const { facts, held } = inspect(input, options, ALL);
  held.close();
  return facts;
}

/** What is known before a plan is made. */
interface Inspection {
  readonly draft: Draft;
  readonly facts: HostFacts;
  readonly held: HeldHost;
}

/**
 * {@link inspectHost}, as far as these very options need it, and with the fds of all that was found: the caller closes
 * them.
 */
export function inspectHostHolding(input: Restorable, options: RestoreOptions): Inspection {
  return inspect(input, options, options.userNamespace === undefined ? NEEDED : ALL);
}

/** What is told of the host whatever is asked of it. */
interface Scope {
  /** Whether a user namespace can be made, which takes a fork to see. */
  readonly userNamespace: boolean;
  /** The caller's own mounts. */
  readonly hostMounts: boolean;
}

const ALL: Scope = { userNamespace: true, hostMounts: true };
/** Without a user namespace a plan needs neither, unless mounts come along. */
const NEEDED: Scope = { userNamespace: false, hostMounts: false };

function inspect(input: Restorable, options: RestoreOptions, scope: Scope): Inspection {
  const draft = draftRestore(input, options);
  const questions = questionsOf(draft);
  const held = new HeldHost();
  try {
    const capabilities = probeWith(held.procfs, scope.userNamespace);
    const { mount: mayMount, userNamespace, inUserNamespace } = capabilities.privileges;
    const namespaces = settlePlace(held, options);
    const own = options.userNamespace === undefined && !held.target?.others.user;
    const mayTry = own ? mayMount : held.target !== undefined || userNamespace === true;
    const view: SourceView & FilesystemView = {
      get host() {
        return held.hostTree;
      },
      held,
      mayMount,
      mayBeLocked: inUserNamespace && mayMount && options.userNamespace === undefined,
      procfs: held.procfs,
      place: mayTry && typeof namespaces !== 'string' ? held.place : undefined,
    };
    const sources = inspectSources(view, questions.sources);
    const filesystems = mapEntries(
      questions.filesystems,
      (_key, question): FilesystemFact => inspectFilesystem(view, question),
    );
    const { destination: at } = questions;
    const destination: DestinationFact | undefined =
      at === undefined
        ? undefined
        : held.target
          ? inspectDestinationInside(held, held.target, at)
          : inspectDestination(view, at);
    const facts: HostFacts = {
      format: 'mountyard-host-facts',
      version: 1,
      capabilities,
      sources,
      filesystems,
      ...(destination && { destination }),
      ...(namespaces !== undefined && { namespaces }),
      ...(held.cgroups.length > 0 && { cgroups: held.cgroups }),
      ...((scope.hostMounts || inUserNamespace || options.recursive) && { hostMounts: held.hostTree.mounts }),
    };
    return { draft, facts, held };
  } catch (error) {
    held.close();
    throw error;
  }
}

/**
 * Opens the namespace that the tree is for, or makes those that stand around a new one; whether these can be made.
 * @throws {MountError} for a namespace that cannot be opened.
 */
function settlePlace(held: HeldHost, options: RestoreOptions): true | string | undefined {
  const { namespace } = { namespace: undefined, ...options.into };
  if (namespace !== undefined && namespace !== 'new') {
    const target =
      typeof namespace === 'number' ? MountNamespace.of(namespace) : (namespace as MountNamespace).share();
    held.keepTarget(target);
    if (Object.values(target.others).some((fd) => fd)) {
      held.place = placeInside(target.others, { mount: target.fd });
    }
  } else if (needsKeeper(held.procfs, options)) {
    return makeNamespaces(held, options);
  } else {
    held.place = placeFor(options.userNamespace);
  }
  return undefined;
}

function makeNamespaces(held: HeldHost, options: RestoreOptions): true | string {
  try {
    const keeper = NamespaceKeeper.start(held.procfs, options);
    held.keepNamespaces(keeper);
    held.place = keeper.place;
    return true;
  } catch (error) {
    if (error instanceof MountError) return error.message;
    throw error;
  }
}

function mapEntries<V, R>(
  map: ReadonlyMap<string, V>,
  make: (key: string, value: V) => R,
): { [key: string]: R } {
  return Object.fromEntries(Array.from(map, ([key, value]) => [key, make(key, value)]));
}
