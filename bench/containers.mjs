/** Commands that people start with a list of binds: how each is told of them. */
import { copyFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathOf } from './processes.mjs';

const IDLE = pathOf('out/idle');

/**
 * The arguments for `count` read-only binds in a new namespace, in which a program that does nothing runs. `files` has
 * the sources and a place to write to.
 */
export const CONTAINERS = {
  bwrap: ({ sources }, count) => [
    ...['--ro-bind', '/', '/', '--tmpfs', '/mnt'],
    ...sources.slice(0, count).flatMap((source, i) => ['--ro-bind', source, `/mnt/m${i}`]),
    IDLE,
  ],
  crun: (files, count) => ['--cgroup-manager=disabled', ...bundle('crun', files, count)],
  runc: (files, count) => bundle('runc', files, count),
};

/** The arguments to run an OCI bundle, which is written. */
function bundle(name, { directory, sources }, count) {
  const root = join(directory, `${name}-${count}`);
  rmSync(root, { recursive: true, force: true });
  for (const made of ['rootfs/dev', 'rootfs/proc']) mkdirSync(join(root, made), { recursive: true });
  copyFileSync(IDLE, join(root, 'rootfs/idle'));
  const binds = sources.slice(0, count).map((source, i) => {
    mkdirSync(join(root, `rootfs/m${i}`));
    return { destination: `/m${i}`, type: 'bind', source, options: ['bind', 'ro'] };
  });
  const config = {
    ociVersion: '1.0.2',
    process: { args: ['/idle'], cwd: '/', user: { uid: 0, gid: 0 }, env: [] },
    root: { path: 'rootfs' },
    mounts: [{ destination: '/proc', type: 'proc', source: 'proc' }, ...binds],
    linux: { namespaces: [{ type: 'mount' }, { type: 'pid' }] },
  };
  writeFileSync(join(root, 'config.json'), JSON.stringify(config));
  return ['--root', join(root, 'state'), 'run', '--bundle', root, `mountyard-bench-${process.pid}`];
}
