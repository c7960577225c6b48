// node:test, each test with a tree of its own: `unshare -m node --test examples/testing/tree.node-test.mjs` as root,
// `unshare -Urm …` as anybody. Node 20 cannot parse `using`, so that this file has a helper with try and finally.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { restoreTreeSync } from 'mountyard';
import { otherFilesystems } from './filesystems.mjs';
import { DATA } from './trees.mjs';

/** Runs `work` with a directory of its own, which has to be empty again when it is done. */
async function withDirectory(work) {
  const path = mkdtempSync(join(tmpdir(), 'tree-'));
  try {
    return await work(path);
  } finally {
    rmdirSync(path);
  }
}

/** Runs `work` with a tree at a directory of its own; both are gone afterwards, whatever it throws. */
function withTree(tree, work) {
  return withDirectory((at) => {
    const restored = restoreTreeSync(tree, { standIn: 'all', into: { at } });
    try {
      assert.deepEqual(restored.differences, []);
      work(at);
    } finally {
      restored.release();
    }
  });
}

const FOUND = ['/data', '/data/cache', '/view'];

test('every other filesystem is found', () =>
  withTree(DATA, (at) => {
    assert.deepEqual(
      otherFilesystems(at).map((path) => path.slice(at.length)),
      FOUND,
    );
  }));

test('what is read-only is refused', () =>
  withTree(DATA, (at) => {
    writeFileSync(join(at, 'data/file'), 'a');
    assert.throws(() => writeFileSync(join(at, 'view/file'), 'b'), { code: 'EROFS' });
  }));

test('a worker thread has trees of its own, too', () =>
  withDirectory(async (workerData) => {
    const worker = new Worker(new URL('in-a-worker.mjs', import.meta.url), { workerData });
    const ended = once(worker, 'exit');
    const [found] = await once(worker, 'message');
    assert.deepEqual(found, FOUND);
    assert.deepEqual(await ended, [0]);
  }));
