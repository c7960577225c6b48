import { expect, test } from 'vitest';
import { captureTree, type Mount } from '../../lib/index.ts';
import * as sys from '../../lib/sys.ts';
import { statFd } from '../../lib/system/calls/lookup.ts';
import { native } from '../../lib/system/calls/native.ts';
import { Clones } from '../../lib/system/capture/clones.ts';
import { expectNoLeakedFds } from '../support/open-fds.ts';
import { isRoot } from '../support/privilege.ts';
import { ScratchMount } from '../support/scratch-mount.ts';

expectNoLeakedFds();

/** The topmost mount of the tree whose root an fd leads to: that of the fd, when it is mounted nowhere. */
function topmost(fd: number): bigint | undefined {
  const status = native.sys.statx(fd, Buffer.from('..'), 0);
  return typeof status === 'number' ? undefined : status.mountId;
}

test.skipIf(!isRoot)('many clones lie in one tree, which goes at once, and few by themselves', () => {
  using scratch = new ScratchMount();
  const paths = Array.from({ length: 8 }, (_, i) => scratch.tmpfs(`m${i}`));
  const tree = captureTree();
  const mounts = paths.map((path) => ({ mount: tree.at(path) as Mount, status: { mode: 0o040755 } }));
  using root = sys.openat2('/');

  using many = Clones.of(mounts, { root });
  expect(many?.all).toHaveLength(8);
  const last = many?.all.at(-1)?.fd ?? -1;
  for (const { fd } of many?.all ?? []) expect(topmost(fd)).toBe(statFd(last)?.mountId);

  using few = Clones.of(mounts.slice(0, 2), { root });
  expect(few?.all).toHaveLength(2);
  for (const { fd } of few?.all ?? []) expect(topmost(fd)).toBe(statFd(fd)?.mountId);
  expect(captureTree().size).toBe(tree.size);
});
