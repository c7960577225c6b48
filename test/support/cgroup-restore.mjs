/** Restores cgroup2 mounts in a new cgroup namespace from a process that does not live in the root cgroup. */
import { readFileSync } from 'node:fs';

const { parseMountinfo, restoreTreeSync, verifyTree } = await import(process.env.LIBRARY);
const { options, host } = JSON.parse(process.env.CASE);
const flags = 'rw,nosuid,nodev,noexec,relatime';
const lines = [
  '1 0 0:1 / / rw - tmpfs root rw',
  `2 1 0:2 / /whole ${flags} - cgroup2 cgroup2 rw`,
  `3 1 0:2 /inner /part ${flags} - cgroup2 cgroup2 rw`,
  ...(host ? [`4 1 0:3 / /host ${host.flags} - cgroup2 cgroup2 rw`] : []),
];
const restored = restoreTreeSync(parseMountinfo(`${lines.join('\n')}\n`), {
  newNamespaces: ['cgroup'],
  ...options,
  ...(host && { external: { '/host': host.path } }),
});
console.log(
  JSON.stringify({
    own: /^0::(.*)$/m.exec(readFileSync('/proc/self/cgroup', 'utf8'))?.[1],
    differences: restored.differences,
    roots: restored.tree.mounts.filter(({ type }) => type === 'cgroup2').map(({ root }) => root),
    later: verifyTree(restored.target, restored.namespace.capture()),
  }),
);
restored.release();
