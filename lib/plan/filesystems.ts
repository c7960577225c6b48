/**
 * One row a filesystem type: whether mountyard makes it here, what a snapshot may set on it, and what is special.
 *
 * A snapshot is untrusted: an option passes only when its row names it, because some options read, run or change
 * something of the host (`lowerdir=`, `release_agent=`, `nsdelegate`). Windows get no option from a snapshot.
 */
import type { Mount } from '../model/mount.ts';
import { type SuperOption, superOptionWords } from '../model/super-options.ts';
import type { OtherNamespace } from './options/options.ts';
import type { Parameter } from './questions.ts';

/**
 * `instance`: each mount call makes a new, empty one. `window`: there is one for the machine or for a namespace of
 * it, and mounting it only shows it. `external`: its content is the host's to give.
 */
export type FilesystemRole = 'instance' | 'window' | 'external';

interface Row {
  readonly role: FilesystemRole;
  /** Directories and files may be created in it. */
  readonly nodes?: true;
  /** Option keys that a snapshot may set. */
  readonly pass?: readonly string[];
  /** Printed by kernels, not accepted by them, and without meaning for what is restored. */
  readonly drop?: readonly string[];
  /** Takes the source name that it is mounted with for an option, and drops it (fs/pstore/inode.c). */
  readonly swallowsSource?: true;
  /** Its mounts can be idmapped (FS_ALLOW_IDMAP). */
  readonly idmap?: true;
  /** Can be made in a new user namespace, or what else must be new for that. */
  readonly userNamespace?: true | OtherNamespace;
}

const OWNER = ['mode', 'uid', 'gid'];

const ROWS: ReadonlyMap<string, Row> = new Map<string, Row>(
  Object.entries<Row>({
    tmpfs: {
      role: 'instance',
      nodes: true,
      pass: [...OWNER, 'size', 'nr_blocks', 'nr_inodes', 'huge', 'mpol', 'noswap', 'inode32'],
      drop: ['inode64'],
      idmap: true,
      userNamespace: true,
    },
    ramfs: { role: 'instance', nodes: true, pass: ['mode'], userNamespace: true },
    devpts: {
      role: 'instance',
      pass: [...OWNER, 'ptmxmode', 'max'],
      drop: ['newinstance'],
      userNamespace: true,
    },
    proc: { role: 'instance', pass: ['hidepid', 'gid', 'subset'], userNamespace: 'pid' },
    bpf: { role: 'instance', pass: OWNER },
    hugetlbfs: { role: 'instance', idmap: true, pass: [...OWNER, 'pagesize', 'size', 'nr_inodes'] },
    sysfs: { role: 'window', userNamespace: 'net' },
    mqueue: { role: 'window', userNamespace: 'ipc' },
    cgroup: { role: 'window' },
    cgroup2: { role: 'window', userNamespace: 'cgroup' },
    debugfs: { role: 'window' },
    tracefs: { role: 'window' },
    securityfs: { role: 'window' },
    fusectl: { role: 'window' },
    pstore: { role: 'window', swallowsSource: true },
    configfs: { role: 'window' },
    efivarfs: { role: 'window' },
    binfmt_misc: { role: 'window', userNamespace: true },
  }),
);

const EXTERNAL: Row = { role: 'external' };

/** Superblock flags that every type takes and shows, `mand` too, which has had no effect since Linux 5.15. */
const SUPERBLOCK_FLAGS = new Set(['sync', 'dirsync', 'lazytime', 'mand']);
const MEANINGLESS = new Set(['rw', 'ro', 'seclabel']);

function rowOf(type: string): Row {
  return ROWS.get(type) ?? EXTERNAL;
}

export function filesystemRole(type: string): FilesystemRole {
  return rowOf(type).role;
}

/** Whether mount points and roots can be created in a filesystem of this type that is made here. */
export function takesNodes(type: string): boolean {
  return rowOf(type).nodes === true;
}

export function swallowsSource(type: string): boolean {
  return rowOf(type).swallowsSource === true;
}

/** Whether a mount of one that is made here can be idmapped. */
export function takesIdmap(type: string): boolean {
  return rowOf(type).idmap === true;
}

/** `true`, the kind of namespace that must be new too, or `false`: whether a new user namespace can mount it. */
export function mountableInUserNamespace(type: string): boolean | OtherNamespace {
  return rowOf(type).userNamespace ?? false;
}

/** What becomes of a superblock's options when it is made afresh. */
export interface OptionSplit {
  /** See {@link filesystemKey}. */
  readonly key: string;
  readonly parameters: readonly Parameter[];
  /** Printed but not accepted: dropped, and reported. */
  readonly dropped: readonly string[];
  /** Not on the type's allow-list. */
  readonly refused: readonly string[];
  readonly readOnly: boolean;
}

/** Splits by type and text: a table has few, many times over. */
const SPLITS = new Map<string, Map<string, OptionSplit>>();
const MOST_SPLITS = 256;
/** What was asked for last: mounts beside each other are mostly alike. */
let last: { readonly type: string; readonly superOptions: string; readonly split: OptionSplit } | undefined;

/** Sorts a mount's superblock options by what may be done with them. */
export function splitOptions(mount: Mount): OptionSplit {
  const { type, superOptions } = mount;
  if (last?.type !== type || last.superOptions !== superOptions)
    last = { type, superOptions, split: splitOf(mount) };
  return last.split;
}

function splitOf(mount: Mount): OptionSplit {
  const known = SPLITS.get(mount.type)?.get(mount.superOptions);
  if (known) return known;
  const splits = SPLITS.get(mount.type) ?? new Map<string, OptionSplit>();
  if (SPLITS.size >= MOST_SPLITS) SPLITS.clear();
  if (splits.size >= MOST_SPLITS) splits.clear();
  SPLITS.set(mount.type, splits);
  const parts = splitAnew(mount);
  const split = { ...parts, key: filesystemKey(mount.type, parts.parameters) };
  splits.set(mount.superOptions, split);
  return split;
}

function splitAnew(mount: Mount): Omit<OptionSplit, 'key'> {
  const row = rowOf(mount.type);
  const words = superOptionWords(mount.superOptions);
  const readOnly = words.some((word) => word.key === 'ro' && word.value === undefined);
  if (mount.type === 'cgroup')
    return { parameters: hierarchyParameters(words), dropped: [], refused: [], readOnly };
  if (row.role !== 'instance') return { parameters: [], dropped: [], refused: [], readOnly };

  const parameters: Parameter[] = [];
  const dropped: string[] = [];
  const refused: string[] = [];
  for (const word of words) {
    if (word.value === undefined && SUPERBLOCK_FLAGS.has(word.key)) parameters.push(word);
    else if (row.pass?.includes(word.key) && !hidesAnother(word)) parameters.push(word);
    else if (row.drop?.includes(word.key) || word.key === 'seclabel') dropped.push(wordText(word));
    else if (!MEANINGLESS.has(word.key)) refused.push(wordText(word));
  }
  return { parameters, dropped, refused, readOnly };
}

/**
 * mount(2), which a long source needs, takes all options as one text, where a comma in a value begins another. None
 * begins with a digit: the list of nodes of `mpol=bind:0,1` hides nothing.
 */
function hidesAnother({ value = '' }: SuperOption): boolean {
  return /,(?!\d)/.test(value);
}

const V1_FLAGS = new Set([
  'all',
  'none',
  'xattr',
  'noprefix',
  'clone_children',
  'cpuset_v2_mode',
  'release_agent',
  'favordynmods',
]);

/** The controllers and the name that say which cgroup v1 hierarchy it is. */
function hierarchyParameters(words: readonly SuperOption[]): Parameter[] {
  return words
    .filter(
      (word) => !MEANINGLESS.has(word.key) && !V1_FLAGS.has(word.key) && !SUPERBLOCK_FLAGS.has(word.key),
    )
    .filter((word) => word.value === undefined || word.key === 'name')
    .sort((left, right) => (left.key < right.key ? -1 : 1));
}

/**
 * The parameters with which a window is mounted so that nothing changes: those in force, as the kernel prints them.
 */
export function parametersInForce(superOptions: string): Parameter[] {
  return superOptionWords(superOptions).filter((word) => word.key === 'ro' || !MEANINGLESS.has(word.key));
}

/** What tells a filesystem that is made here from another: `tmpfs`, `tmpfs mode=755,size=4k`, `cgroup memory`. */
export function filesystemKey(type: string, parameters: readonly Parameter[]): string {
  return parameters.length === 0 ? type : `${type} ${parameters.map(wordText).join(',')}`;
}

function wordText(word: Parameter): string {
  return word.value === undefined ? word.key : `${word.key}=${word.value}`;
}
