import { inspect } from 'node:util';
import { expect, test } from 'vitest';
import { parseMountinfo, parseSnapshot } from '../../../lib/index.ts';
import { renderMount } from '../../../lib/render/mount.ts';

const LINE = '7 3 0:9 /a\\040b//deleted /m\\012 ro,nosuid shared:2 master:1 - fuse.sshfs me@there rw,uid=5\n';
const PRINTED =
  '#7 /m\\012  fuse.sshfs  me@there[/a\\040b]  ro,nosuid  shared:2 master:1  deleted root  (on #3, superblock 0:9 rw,uid=5)';

test('a mount is a line', () => {
  const [mount] = parseMountinfo(LINE).mounts;
  expect(mount && renderMount(mount)).toBe(PRINTED);
});

test('what was read prints so, by itself and in a list, and is a plain value all the same', () => {
  const tree = parseMountinfo(LINE);
  const [mount] = tree.mounts;
  expect(inspect(mount)).toBe(PRINTED);
  expect(inspect([mount])).toBe(`[\n  ${PRINTED}\n]`);
  expect(Object.keys(mount ?? {})).toContain('mountPoint');
  expect(inspect({ ...mount })).toContain("type: 'fuse'");
  expect(JSON.parse(JSON.stringify(mount))).toEqual(mount);
  const snapshot = JSON.stringify({
    format: 'mountyard-snapshot',
    version: 1,
    namespaces: [
      { mounts: [JSON.parse(JSON.stringify({ ...mount, unknownTags: undefined, deleted: true }))] },
    ],
  });
  expect(inspect(parseSnapshot(snapshot).namespaces[0]?.mounts[0])).toBe(PRINTED);
});
