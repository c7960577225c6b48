/** Roots of cgroup mounts, which the kernel words as its reader's cgroup namespace has them (cgroup_namespaces(7)). */
import type { Mount, PathString } from './mount.ts';
import { pathComponents } from './paths.ts';
import { ReadMount } from './read-mount.ts';
import { superOptionWords } from './super-options.ts';
import type { MountTree } from './tree.ts';

/** A line of /proc/PID/cgroup: a hierarchy, by its controllers or name (none for cgroup2), and a cgroup in it. */
export interface CgroupPath {
  readonly controllers: readonly string[];
  readonly path: PathString;
}

/** The lines of cgroups(7)'s /proc/PID/cgroup: `7:cpu,cpuacct:/path`, `1:name=systemd:/`, `0::/path`. */
export function parseCgroups(text: string): CgroupPath[] {
  return text.split('\n').flatMap((line) => {
    const [, controllers, path] = /^\d+:([^:]*):(\/.*)$/.exec(line) ?? [];
    if (controllers === undefined || path === undefined) return [];
    return [{ controllers: controllers === '' ? [] : controllers.split(','), path }];
  });
}

/** The tree as it is told in a cgroup namespace whose root the reader sees at these paths. */
export function withCgroupsInside(tree: MountTree, cgroups: readonly CgroupPath[]): MountTree {
  if (cgroups.every(({ path }) => path === '/')) return tree;
  return tree.map((mount) => {
    const root = cgroupRootInside(mount, cgroups);
    return root === mount.root ? mount : ReadMount.of({ ...mount, root });
  });
}

/** The root of one mount, likewise. */
export function cgroupRootInside(mount: CgroupMount, cgroups: readonly CgroupPath[]): PathString {
  const top = mount.type.startsWith('cgroup') ? hierarchyOf(mount, cgroups)?.path : undefined;
  return top === undefined || top === '/' ? mount.root : pathFrom(top, mount.root);
}

type CgroupMount = Pick<Mount, 'type' | 'root' | 'superOptions'>;

function hierarchyOf(
  { type, superOptions }: CgroupMount,
  cgroups: readonly CgroupPath[],
): CgroupPath | undefined {
  if (type === 'cgroup2') return cgroups.find(({ controllers }) => controllers.length === 0);
  const words = superOptionWords(superOptions).map(({ key, value }) =>
    value === undefined ? key : `${key}=${value}`,
  );
  return cgroups.find(
    ({ controllers }) =>
      controllers.length > 0 && controllers.every((controller) => words.includes(controller)),
  );
}

/** `/..` for each step up, as kernfs_path_from_node in fs/kernfs/dir.c has it. */
function pathFrom(top: PathString, path: PathString): PathString {
  const [from, to] = [pathComponents(top), pathComponents(path)];
  let common = 0;
  while (common < from.length && from[common] === to[common]) common += 1;
  return `/${[...from.slice(common).map(() => '..'), ...to.slice(common)].join('/')}`;
}
