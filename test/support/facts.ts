/** Facts of hosts that tests plan for: by default root's, on a kernel that can do everything. */
import {
  CAPABILITY_NAMES,
  type Capabilities,
  type FilesystemFact,
  type HostFacts,
  type PathFact,
  type SourceFact,
} from '../../lib/model/facts.ts';
import type { Mount } from '../../lib/model/mount.ts';
import { mount } from '../unit/model/mounts.ts';

type SourceSketch = Partial<Omit<SourceFact, 'path'>>;
type FilesystemSketch = Partial<FilesystemFact>;

interface FactsSketch {
  readonly sources?: { readonly [path: string]: SourceSketch };
  readonly filesystems?: { readonly [key: string]: FilesystemSketch };
  readonly destination?: HostFacts['destination'];
  readonly hostMounts?: readonly Mount[];
  readonly privileges?: Partial<Capabilities['privileges']>;
  readonly engines?: Partial<Capabilities['engines']>;
}

export function hostFacts(sketch: FactsSketch = {}): HostFacts {
  return {
    format: 'mountyard-host-facts',
    version: 1,
    capabilities: {
      kernel: '6.18.0',
      calls: Object.fromEntries(CAPABILITY_NAMES.map((name) => [name, true])) as Capabilities['calls'],
      privileges: {
        uid: 0,
        mount: true,
        mknod: true,
        inUserNamespace: false,
        userNamespace: true,
        ...sketch.privileges,
      },
      engines: { detached: true, yard: true, classic: true, ...sketch.engines },
    },
    sources: mapRecord(sketch.sources, (fact, path) => ({ path, kind: 'directory', paths: {}, ...fact })),
    filesystems: mapRecord(sketch.filesystems, (fact) => ({ creatable: true, paths: {}, ...fact })),
    ...(sketch.destination ? { destination: sketch.destination } : {}),
    ...(sketch.hostMounts ? { hostMounts: sketch.hostMounts } : {}),
  };
}

/** A directory of an ext4 at `/` of the host, which is shared unless told otherwise. */
export function onDisk(
  root: string,
  paths: { readonly [path: string]: PathFact } = {},
  disk = DISK,
): SourceSketch {
  return { root, mount: disk, mountRootReachable: true, paths };
}

export const DISK = mount(20, 1, '/', {
  device: '8:1',
  type: 'ext4',
  source: '/dev/sda1',
  propagation: { shared: 1 },
});

/** The mount that a host path lies on, at that path and whole. */
export function wholeMount(mountPoint: string, rest: Parameters<typeof mount>[3] = {}): SourceSketch {
  return { root: '/', mount: mount(21, 20, mountPoint, rest), mountRootReachable: true };
}

/** Own keys only: `constructor` and `__proto__` are names like any other. */
function mapRecord<From, To>(
  record: { readonly [key: string]: From } | undefined,
  f: (value: From, key: string) => To,
): { readonly [key: string]: To } {
  return Object.fromEntries(Object.entries(record ?? {}).map(([key, value]) => [key, f(value, key)]));
}
