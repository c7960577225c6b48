import { MountError } from '../../errors.ts';
import { FSCONFIG, FSMOUNT_CLOEXEC, FSOPEN_CLOEXEC } from '../../flags.ts';
import { decodeBytes } from '../../model/bytes.ts';
import { parseCgroups } from '../../model/cgroups.ts';
import type { FilesystemFact, PathFact } from '../../model/facts.ts';
import type { PathString } from '../../model/mount.ts';
import { superOptionWords } from '../../model/super-options.ts';
import type { MountTree } from '../../model/tree.ts';
import { filesystemKey, parametersInForce, splitOptions, takesNodes } from '../../plan/filesystems.ts';
import type { FilesystemQuestion, Parameter } from '../../plan/questions.ts';
import { errnoName, kernelWords } from '../calls/errno.ts';
import { OwnedFd } from '../calls/fd.ts';
import { deviceText, lookUp, statFd } from '../calls/lookup.ts';
import { native, type RunPlace } from '../calls/native.ts';
import type { Procfs } from '../calls/procfs.ts';
import { runTrial, smallProgram } from '../calls/small-program.ts';
import { openat2 } from '../calls/tree.ts';

export interface FilesystemView {
  /** The caller's own mounts, which show the options in force on windows. */
  readonly host: MountTree;
  readonly procfs: Procfs;
  /** Where a trial runs; none where the user may not mount. */
  readonly place: RunPlace | undefined;
}

/**
 * Made of memory alone, and seen to be made in the caller's own namespaces: by type and options. The kernel stays the
 * same while a process lives, and what the user may do is asked of the calls, each time.
 */
const seenToWork = new Set<string>();
/** Who restores strangers' trees meets ever more options. */
const REMEMBERED = 64;

/**
 * Tries a filesystem: makes it detached, looks at the paths in it, and drops it. A window is one for the machine,
 * and mounting it with other options would change it, so it is tried with those in force or not at all. To let go of
 * a detached mount takes long: what was seen to work is not tried again where nothing in it is to be looked at.
 */
export function inspectFilesystem(view: FilesystemView, question: FilesystemQuestion): FilesystemFact {
  const { place } = view;
  const { type, parameters, paths } = question;
  const isOfMemory = takesNodes(type) && paths.size === 0;
  if (!isOfMemory || place?.kind !== 'thread' || place.enter) return tried(view, question);
  const key = filesystemKey(type, parameters);
  if (seenToWork.has(key)) return { creatable: true, paths: {} };
  const fact = tried(view, question);
  if (fact.creatable === true && seenToWork.size < REMEMBERED) seenToWork.add(key);
  return fact;
}

function tried(view: FilesystemView, question: FilesystemQuestion): FilesystemFact {
  if (!view.place) return { creatable: 'unknown', paths: visiblePaths(question) };
  const parameters = question.window ? windowParameters(view, question) : question.parameters;
  if (typeof parameters === 'string') return { creatable: parameters, paths: {} };
  const trial = tryFilesystem(question.type, parameters, view.place);
  if (!(trial instanceof OwnedFd)) return { ...trial, paths: {} };
  using mount = trial;
  const paths = pathFacts(mount.number, question.paths);
  if (!question.window) return { creatable: true, paths };
  const status = statFd(mount.number);
  const device = status && deviceText(status.device);
  const shown = view.host.mounts.find((host) => host.device === device && host.type === question.type);
  // Of a window that nothing else shows, the superblock went with the trial, and its number may be another's now.
  return { creatable: true, ...(shown && { device: shown.device, superOptions: shown.superOptions }), paths };
}

/** The parameters that change nothing; or why none are known. */
function windowParameters(
  { host, procfs }: FilesystemView,
  question: FilesystemQuestion,
): readonly Parameter[] | string {
  const { type, parameters } = question;
  if (type === 'cgroup') {
    return hierarchyExists(host, procfs, parameters)
      ? parameters
      : 'no cgroup v1 hierarchy of these controllers is in use here, and mounting it would make one';
  }
  const shown = host.mounts.find((mount) => mount.type === type);
  if (!shown) return type === 'cgroup2' ? 'not visible here, so the options in force are not known' : [];
  return parametersInForce(shown.superOptions);
}

function hierarchyExists(host: MountTree, procfs: Procfs, parameters: readonly Parameter[]): boolean {
  const wanted = filesystemKey('cgroup', parameters);
  const isWanted = (found: readonly Parameter[]) => filesystemKey('cgroup', found) === wanted;
  return (
    host.mounts.some((mount) => mount.type === 'cgroup' && isWanted(splitOptions(mount).parameters)) ||
    ownHierarchies(procfs).some(isWanted)
  );
}

/** The cgroup v1 hierarchies that are in use. */
function ownHierarchies(procfs: Procfs): Parameter[][] {
  let text: string;
  try {
    text = decodeBytes(procfs.read('thread-self/cgroup'));
  } catch (error) {
    if (error instanceof MountError && error.code === 'ENOENT') return []; // a kernel without cgroups
    throw error;
  }
  return parseCgroups(text)
    .filter(({ controllers }) => controllers.length > 0)
    .map(({ controllers }) =>
      superOptionWords(controllers.join()).sort((left, right) => (left.key < right.key ? -1 : 1)),
    );
}

/** A detached mount of the filesystem; or why there is none. @throws {MountError} where it could not be tried. */
function tryFilesystem(
  type: string,
  parameters: readonly Parameter[],
  place: RunPlace,
): OwnedFd | Pick<FilesystemFact, 'creatable' | 'log'> {
  const small = smallProgram({ exports: [type], others: [`${type} context`] }, (program) => {
    program.op('fsopen', { s1: type, n: FSOPEN_CLOEXEC, out: 1 });
    for (const { key, value } of parameters) {
      if (value === undefined) program.op('fsconfig', { a: 1, n: FSCONFIG.SET_FLAG, s1: key });
      else program.op('fsconfig', { a: 1, n: FSCONFIG.SET_STRING, s1: key, s2: value });
    }
    program.op('fsconfig', { a: 1, n: FSCONFIG.CMD_CREATE });
    program.op('fsmount', { a: 1, n: FSMOUNT_CLOEXEC, out: 0 });
  });
  const result = runTrial(small, `a trial of ${type}`, place);
  const [fd] = result.exports;
  if (result.status === 'done' && fd !== undefined) return new OwnedFd(fd, type);
  return {
    creatable: errnoName(result.errno),
    ...(result.log.length > 0 && { log: kernelWords(result.log) }),
  };
}

function pathFacts(root: number, paths: ReadonlySet<PathString>): { [path: PathString]: PathFact } {
  return Object.fromEntries(
    Array.from(paths, (path): [PathString, PathFact] => {
      const fact = path === '/' ? 'directory' : lookUp(root, path.slice(1));
      return [path, fact === 'covered' ? 'unknown' : fact];
    }),
  );
}

/** Where a type is usually seen, and the magic number that tells it. */
const USUAL_PLACES: { readonly [type: string]: { readonly path: PathString; readonly magic: bigint } } = {
  proc: { path: '/proc', magic: 0x9fa0n },
  sysfs: { path: '/sys', magic: 0x62656572n },
};

/** Without a trial: the paths in the proc or sysfs that is mounted here, which shows what this kernel has. */
function visiblePaths({ type, paths }: FilesystemQuestion): { [path: PathString]: PathFact } {
  const usual = USUAL_PLACES[type];
  try {
    using visible = usual && openat2(usual.path, { flags: ['PATH', 'DIRECTORY'] });
    if (usual && visible && native.sys.fstatfsType(visible.number) === usual.magic) {
      return pathFacts(visible.number, paths);
    }
  } catch (error) {
    if (!(error instanceof MountError)) throw error;
  }
  return Object.fromEntries(Array.from(paths, (path): [PathString, PathFact] => [path, 'unknown']));
}
