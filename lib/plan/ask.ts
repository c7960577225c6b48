/** Works out, from tree and options alone, what a plan has to know of the host. */
import type { Mount, PathString } from '../model/mount.ts';
import { parentPath } from '../model/paths.ts';
import { chooseFrom } from './choices.ts';
import { filesystemKey, filesystemRole, splitOptions, takesNodes } from './filesystems.ts';
import { completeTree } from './forest.ts';
import { layOut, type OriginKey } from './layout.ts';
import { joinNamespaces, type Restorable } from './namespaces.ts';
import type { RestoreOptions } from './options.ts';
import type { FilesystemQuestion, HostQuestions } from './questions.ts';
import { assignSupplies, madeAs } from './supply.ts';

/**
 * The host paths, filesystems and paths inside them that `planRestore` will want facts about.
 *
 * @throws MalformedTreeError; UsageError for options that name what the tree does not have.
 */
export function hostQuestions(input: Restorable, options: RestoreOptions): HostQuestions {
  const namespaces = joinNamespaces(input);
  const choices = chooseFrom(namespaces, options);
  const whole = completeTree(namespaces.whole, choices);
  const supplies = assignSupplies(whole, choices);
  const layout = layOut(whole, supplies);
  const pathsIn = neededPaths(layout.roots.values(), layout.places.values());

  const sources = new Map<PathString, Set<PathString>>();
  for (const path of choices.slaves.values()) if (path !== true) sources.set(path, new Set());
  const filesystems = new Map<string, FilesystemQuestion & { readonly paths: Set<PathString> }>();
  for (const [origin, members] of layout.members) {
    const paths = pathsIn.get(origin) ?? new Set();
    const first = members[0] as Mount;
    const supply = supplies.get(first.id);
    if (supply?.kind === 'host') {
      sources.set(supply.source, relativeOnes(choices.makeMountPoints ? withAncestors(paths) : paths));
    }
    if (supply?.kind !== 'fresh') continue;
    const made = madeAs(whole, supplies, first.device) ?? first;
    const { key, question } = filesystemQuestion(made, takesNodes(made.type) ? new Set() : paths);
    const known = filesystems.get(key);
    if (known) for (const path of question.paths) known.paths.add(path);
    else filesystems.set(key, question);
  }
  return { sources, filesystems, ...(choices.at === undefined ? {} : { destination: choices.at }) };
}

function filesystemQuestion(mount: Mount, paths: Set<PathString>) {
  const { parameters } = splitOptions(mount);
  const window = filesystemRole(mount.type) === 'window';
  return {
    key: filesystemKey(mount.type, parameters),
    question: { type: mount.type, parameters, window, paths },
  };
}

function neededPaths(
  ...spots: readonly Iterable<{ readonly origin: OriginKey; readonly path: PathString }>[]
): Map<OriginKey, Set<PathString>> {
  const paths = new Map<OriginKey, Set<PathString>>();
  for (const list of spots) {
    for (const { origin, path } of list) {
      const known = paths.get(origin);
      if (known) known.add(path);
      else paths.set(origin, new Set([path]));
    }
  }
  return paths;
}

/** What has to be looked at when missing mount points are made: the directories on the way too. */
function withAncestors(paths: ReadonlySet<PathString>): Set<PathString> {
  const all = new Set(paths);
  for (const path of all) if (path !== '/') all.add(parentPath(path));
  return all;
}

function relativeOnes(paths: ReadonlySet<PathString>): Set<PathString> {
  const relative = new Set<PathString>();
  for (const path of paths) if (path !== '/') relative.add(path.slice(1));
  return relative;
}
