#!/usr/bin/env node
/**
 * An LXC container's mount tree, restored in a minute: a small host is made in a mount namespace of this process, the
 * container is built from its mountinfo text alone, and a mount made on the host arrives in it. Everything goes with
 * the process.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  captureTree,
  parseMountinfo,
  probe,
  renderReport,
  renderTree,
  restoreTreeSync,
  sys,
} from 'mountyard';

const TABLE = new URL('../test/tables/lxc-vivid.mountinfo', import.meta.url);
const look = { width: process.stdout.columns };

if (!probe().privileges.mount) runAsRootOfAUserNamespace();
sys.unshare(['NEWNS']);
sys.makePrivate('/', { recursive: true });

// Read first: the host will cover /tmp, where this checkout may lie.
const captured = parseMountinfo(readFileSync(TABLE));

say('1. A small host: a shared disk with a root filesystem on it, and what the container follows');
const host = makeHost('/tmp');
const all = captureTree();
console.log(renderTree(all.subtree(all.at(host.top)), look));

say('2. The container, from the text of its mount table');
const container = restoreTreeSync(captured, {
  root: host.rootfs,
  external: { '/sys/fs/cgroup/cgmanager': host.cgmanager },
  slaves: { '/': true, ...host.followed },
  // A kernel without magic SysRq lacks this file of the container's proc.
  skip: existsSync('/proc/sysrq-trigger') ? [] : ['/proc/sysrq-trigger'],
  standIn: 'all',
});
console.log(renderTree(container.tree, look));
console.log(`\n${renderReport(container, look)}`);

say('3. A mount made on the host arrives in the container, because its / follows the host');
const place = join(host.rootfs, 'run');
console.log(`mount -t tmpfs from-the-host ${place}`);
sys.mount('from-the-host', place, { type: 'tmpfs' });
const now = container.namespace?.capture();
const arrived = now?.mounts.filter((mount) => mount.source === 'from-the-host') ?? [];
for (const mount of arrived) {
  console.log(
    `in the container: ${mount.mountPoint} (${mount.type}, a slave of group ${mount.propagation.master})`,
  );
}

container.release();
const same = container.differences.length === 0 && arrived.length === 1;
say(same ? 'Done: the tree is the same, and it follows the host.' : 'Not the same: see above.');
process.exitCode = same ? 0 : 1;

/** A user who may not mount can in a user namespace: the whole script starts again in one. */
function runAsRootOfAUserNamespace() {
  console.log(
    'No privilege to mount: running in a user namespace (unshare -Urm), where some filesystems cannot be made.',
  );
  const self = fileURLToPath(import.meta.url);
  const args = ['--user', '--map-root-user', '--mount', process.execPath, self];
  const { status, error } = spawnSync('unshare', args, { stdio: 'inherit' });
  if (error) console.error(`unshare(1) cannot be started: ${error.message}`);
  process.exit(status ?? 1);
}

/** Mounts that stand for a host's, below a tmpfs of their own. */
function makeHost(top) {
  sys.mount('demo-host', top, { type: 'tmpfs' });
  const mountAt = (name, type) => {
    const path = join(top, name);
    mkdirSync(path);
    sys.mount(`demo-${name}`, path, { type });
    sys.makeShared(path);
    return path;
  };
  // Where a filesystem of the machine's own cannot be mounted, a tmpfs shows the same of following it.
  const ownOr = (type) => (probe().privileges.inUserNamespace ? 'tmpfs' : type);

  const disk = mountAt('disk', 'tmpfs');
  const rootfs = join(disk, 'usr/local/var/lib/lxc/u1/rootfs');
  for (const name of ['dev', 'proc', 'run', 'sys']) mkdirSync(join(rootfs, name), { recursive: true });
  const cgmanager = join(mountAt('cgmanager', 'tmpfs'), 'cgmanager');
  mkdirSync(cgmanager);
  const followed = {
    '/sys/fs/fuse/connections': mountAt('fusectl', ownOr('fusectl')),
    '/sys/kernel/debug': mountAt('debug', ownOr('debugfs')),
    '/sys/kernel/security': mountAt('security', ownOr('securityfs')),
    '/sys/fs/pstore': mountAt('pstore', ownOr('pstore')),
  };
  return { top, rootfs, cgmanager, followed };
}

function say(text) {
  console.log(`\n${text}\n`);
}
