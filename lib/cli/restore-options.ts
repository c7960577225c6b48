import { type Command, InvalidArgumentError, Option } from 'commander';
import { UsageError } from '../errors.ts';
import { defined } from '../model/defined.ts';
import type { IdMap, IdRange, PathString } from '../model/mount.ts';
import type { Into, OtherNamespace, RestoreOptions, TargetName } from '../plan/options/options.ts';
import { readHostPath, readIdMap, readTarget, readWord, splitAtEquals } from './words.ts';

type Targets = readonly TargetName[] | 'all';
type ByTarget<T> = Record<TargetName, T>;

/** The values that commander collects, by the names that it makes of the flags. */
export interface RestoreValues {
  readonly root?: PathString;
  readonly external?: ByTarget<PathString>;
  readonly recursive?: readonly TargetName[];
  readonly slave?: ByTarget<PathString | true>;
  readonly shareSources?: true;
  readonly ignoreHostPropagation?: true;
  readonly fresh?: Targets;
  readonly standIn?: Targets;
  readonly skip?: readonly TargetName[];
  readonly makeMountPoints?: true;
  readonly dev?: TargetName;
  readonly idmap?: ByTarget<IdMap>;
  readonly makeDestinationPrivate?: true;
  readonly engine?: NonNullable<RestoreOptions['engine']>;
  readonly userns?: true;
  readonly usernsMap?: IdMap;
  readonly newNamespaces?: readonly OtherNamespace[];
  readonly auto?: true;
  readonly at?: PathString;
}

const TARGET_HELP = `
TARGET names a mount of the tree: its mount point (the topmost mount there), or #ID.
T=S splits at the first = that no backslash escapes; \\ooo is a byte, \\\\ a backslash.`;

/** Adds the options that say what the caller grants, supplies and asks for. */
export function addRestoreOptions(command: Command): Command {
  return command
    .addOption(option('--root <dir>', 'supplies the root mount', readHostPath))
    .addOption(
      perTarget('--external <T=S>', 'supplies mount T: a bind of S', (source) =>
        readHostPath(needed(source)),
      ),
    )
    .addOption(
      option(
        '--recursive <target>',
        'the bind that supplies it brings along what is mounted below S (repeatable)',
        anotherTarget,
      ),
    )
    .addOption(
      perTarget(
        '--slave <T=S>',
        'T follows the mount that S is on; T alone: the one that supplies it',
        (source) => (source === undefined ? true : readHostPath(source)),
      ),
    )
    .option('--share-sources', 'a private S may be made shared, which stays')
    .option('--ignore-host-propagation', 'drops masters outside the tree')
    .addOption(targets('--fresh <target>', 'made anew and empty (repeatable, or all)'))
    .addOption(targets('--stand-in <target>', 'an empty tmpfs in its place (repeatable, or all)'))
    .addOption(option('--skip <target>', 'left out with all below it (repeatable)', anotherTarget))
    .option('--make-mount-points', 'creates missing mount points in host filesystems too')
    .addOption(option('--dev <target>', 'gives the fresh tmpfs there the default device nodes', readTarget))
    .addOption(
      perTarget('--idmap <T=MAPS>', 'the map of an idmapped mount: u:INSIDE:OUTSIDE:LENGTH,g:…', readMaps),
    )
    .option('--make-destination-private', 'with --at onto a shared mount: a private bind comes first')
    .addOption(new Option('--engine <engine>', 'forces one').choices(['detached', 'yard', 'classic']))
    .option('--userns', 'builds in a new user namespace, the caller mapped to 0')
    .addOption(
      option('--userns-map <maps>', 'the same with these maps: u:INSIDE:OUTSIDE:LENGTH,g:…', readIdMap),
    )
    .addOption(
      option(
        '--new-namespaces <kinds>',
        'pid, net, ipc and cgroup, with commas: new ones, for proc, sysfs, mqueue and cgroup2 of their own',
        readKinds,
      ),
    )
    .option('--auto', 'proposes externals and masters from this host, and changes nothing')
    .addHelpText('after', TARGET_HELP);
}

/** The same as the library takes them. */
export function restoreOptionsOf(values: RestoreValues): RestoreOptions {
  const into: Into | undefined = values.at === undefined ? undefined : { at: values.at };
  return defined({
    root: values.root,
    external: values.external,
    recursive: values.recursive,
    slaves: values.slave,
    shareSources: values.shareSources,
    ignoreHostPropagation: values.ignoreHostPropagation,
    fresh: values.fresh,
    standIn: values.standIn,
    skip: values.skip,
    makeMountPoints: values.makeMountPoints,
    dev: values.dev,
    idmap: values.idmap,
    into,
    makeDestinationPrivate: values.makeDestinationPrivate,
    engine: values.engine,
    userNamespace: userNamespaceOf(values),
    newNamespaces: values.newNamespaces,
  });
}

function userNamespaceOf({ userns, usernsMap }: RestoreValues): RestoreOptions['userNamespace'] {
  if (!usernsMap) return userns ? 'self' : undefined;
  return { uidMap: usernsMap.uid.map(mapLine), gidMap: usernsMap.gid.map(mapLine) };
}

/** What they are is checked with the other options. */
function readKinds(word: string, before: readonly OtherNamespace[] = []): readonly OtherNamespace[] {
  return [...before, ...(word.split(',') as OtherNamespace[])];
}

function mapLine({ inside, outside, length }: IdRange): string {
  return `${inside} ${outside} ${length}`;
}

function needed(source: string | undefined): string {
  if (source === undefined) throw new UsageError('it is TARGET=SOURCE, and has no =');
  return source;
}

function readMaps(maps: string | undefined): IdMap {
  return readIdMap(readWord(needed(maps)));
}

/** An option whose argument is read by `read`; a UsageError of it is worded by commander, with the option's name. */
export function option<T>(flags: string, description: string, read: (word: string, before?: T) => T): Option {
  return new Option(flags, description).argParser((word: string, before: T | undefined) => {
    try {
      return read(word, before);
    } catch (error) {
      if (error instanceof UsageError) throw new InvalidArgumentError(error.message);
      throw error;
    }
  });
}

function perTarget<T>(flags: string, description: string, read: (value: string | undefined) => T): Option {
  return option<ByTarget<T>>(flags, `${description} (repeatable)`, (word, before = {}) => {
    const [target, value] = splitAtEquals(word);
    const name = readTarget(target);
    if (Object.hasOwn(before, name)) throw new UsageError(`${name} was given before`);
    return { ...before, [name]: read(value) };
  });
}

function anotherTarget(word: string, before: readonly TargetName[] = []): readonly TargetName[] {
  return [...before, readTarget(word)];
}

function targets(flags: string, description: string): Option {
  return option<Targets>(flags, description, (word, before = []) => {
    if (word === 'all' || before === 'all') return 'all';
    return [...before, readTarget(word)];
  });
}
