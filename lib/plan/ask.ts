/** Works out, from tree and options alone, what a plan has to know of the host. */
import type { Mount, PathString } from '../model/mount.ts';
import { parentPath } from '../model/paths.ts';
import type { MountTree } from '../model/tree.ts';
import { type Draft, draftRestore } from './draft.ts';
import { filesystemRole, splitOptions, takesNodes } from './filesystems.ts';
import type { Layout, Spots } from './layout/layout.ts';
import { hostSource, type LayoutOrigin } from './layout/layout-origin.ts';
import type { Restorable } from './namespaces.ts';
import type { RestoreOptions } from './options/options.ts';
import type { FilesystemQuestion, HostQuestions, Parameter } from './questions.ts';
import { madeAs, type Supplies } from './supply.ts';

/**
 * The host paths, filesystems and paths inside them that `planRestore` will want facts about.
 *
 * @throws MalformedTreeError; UsageError for options that name what the tree does not have.
 */
export function hostQuestions(input: Restorable, options: RestoreOptions): HostQuestions {
  return questionsOf(draftRestore(input, options));
}

export function questionsOf({ choices, tree, supplies, layout }: Draft): HostQuestions {
  const pathsIn = neededPaths(tree, supplies, layout);

  const sources = new Map<PathString, ReadonlySet<PathString>>();
  for (const path of choices.slaves.values()) if (path !== true) sources.set(path, NO_PATHS);
  const filesystems = new Map<string, FilesystemQuestion & { readonly paths: Set<PathString> }>();
  for (const origin of layout.origins) {
    const paths = pathsIn.get(origin) ?? NO_PATHS;
    const { first } = origin;
    const supply = supplies.get(first.id);
    if (supply?.kind === 'host') {
      const needed = choices.makeMountPoints ? withAncestors(paths) : paths;
      const before = sources.get(supply.source); // named once with what is mounted below it, and once without
      sources.set(supply.source, before?.size ? new Set([...before, ...needed]) : needed);
    }
    if (supply?.kind !== 'fresh') continue;
    const made = madeAs(tree, supplies, first);
    const { key, parameters } = splitOptions(made);
    const question = filesystems.get(key) ?? questionOf(made, parameters);
    filesystems.set(key, question);
    for (const path of takesNodes(made.type) ? NO_PATHS : paths) question.paths.add(path);
  }
  const destination = choices.at ?? (choices.enters ? '/' : undefined);
  return { sources, filesystems, ...(destination === undefined ? {} : { destination }) };
}

const NO_PATHS: ReadonlySet<PathString> = new Set();

function questionOf({ type }: Mount, parameters: readonly Parameter[]) {
  return { type, parameters, window: filesystemRole(type) === 'window', paths: new Set<PathString>() };
}

/** Of a filesystem in which what is needed is created, nothing is asked. */
function isMadeForNodes(mount: Mount, supplies: Supplies): boolean {
  return supplies.get(mount.id)?.kind === 'fresh' && takesNodes(mount.type);
}

/** Relative ones in what the host supplies, the root itself not among them; absolute ones in what is made here. */
function neededPaths(
  tree: MountTree,
  supplies: Supplies,
  { roots, places, origins }: Layout,
): Map<LayoutOrigin, Set<PathString>> {
  const paths = new Map<LayoutOrigin, Set<PathString>>();
  const asked = origins.map(({ first }) => !isMadeForNodes(first, supplies));
  if (!asked.includes(true)) return paths;
  const note = (id: number, spots: Spots) => {
    const origin = spots.originOf(id);
    if (!origin || !asked[origin.index]) return;
    const path = spots.pathOf(id);
    const isOfHost = hostSource(origin) !== undefined;
    if (isOfHost && path === '/') return;
    const known = paths.get(origin) ?? new Set();
    if (known.size === 0) paths.set(origin, known);
    known.add(isOfHost ? path.slice(1) : path);
  };
  for (const { id } of tree.inOrder) {
    note(id, roots);
    note(id, places);
  }
  return paths;
}

/** What has to be looked at when missing mount points are made: the directories on the way too. */
function withAncestors(paths: ReadonlySet<PathString>): Set<PathString> {
  const all = new Set(paths);
  for (const path of all) if (path.includes('/')) all.add(parentPath(path));
  return all;
}
