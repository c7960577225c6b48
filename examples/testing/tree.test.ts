// vitest, each test with a tree of its own: `unshare -m npx vitest run` as root, `unshare -Urm …` as anybody.
// vitest's workers are processes by default (`pool: 'forks'`), and so each begins in the namespace of `unshare`.
import { mkdirSync, mkdtempSync, readdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { restoreTreeSync, sys } from 'mountyard';
import { expect, test } from 'vitest';
import { otherFilesystems } from './filesystems.mjs';
import { DATA } from './trees.mjs';

/** A directory that goes when it is disposed of, once what was restored there is gone. */
function scratchDirectory() {
  const path = mkdtempSync(join(tmpdir(), 'tree-'));
  return { path, [Symbol.dispose]: () => rmdirSync(path) };
}

test('every other filesystem is found', () => {
  using directory = scratchDirectory();
  using restored = restoreTreeSync(DATA, { standIn: 'all', into: { at: directory.path } });
  expect(restored.differences).toEqual([]);
  const found = otherFilesystems(directory.path);
  expect(found.map((path) => path.slice(directory.path.length))).toEqual(['/data', '/data/cache', '/view']);
});

test('what is read-only is refused', () => {
  using directory = scratchDirectory();
  using _restored = restoreTreeSync(DATA, { standIn: 'all', into: { at: directory.path } });
  writeFileSync(join(directory.path, 'data/file'), 'a');
  expect(() => writeFileSync(join(directory.path, 'view/file'), 'b')).toThrow('EROFS');
});

test('what is mounted in one peer appears in the other, and goes with the tree', () => {
  using directory = scratchDirectory();
  using _restored = restoreTreeSync(DATA, { standIn: 'all', into: { at: directory.path } });
  const late = join(directory.path, 'data/late');
  mkdirSync(late);
  sys.mount('late', late, { type: 'tmpfs' });
  writeFileSync(join(late, 'file'), 'a');
  expect(readdirSync(join(directory.path, 'view/late'))).toEqual(['file']);
});
