// Restores in every way, lets go, and ends by itself: under LeakSanitizer, which tells at the end what nothing holds.
import { mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { captureTree, MountNamespace, parseMountinfo, restoreTree, restoreTreeSync } from 'mountyard';

const TREE = parseMountinfo(`1 0 0:1 / / rw,relatime - tmpfs root rw
2 1 0:2 / /a ro,nosuid,relatime shared:1 - tmpfs disk rw
3 1 0:2 /x /b rw,relatime master:1 - tmpfs disk rw
4 1 0:2 /gone//deleted /c rw,relatime - tmpfs disk rw
`);
const TOO_SMALL = parseMountinfo(`1 0 0:1 / / rw - tmpfs root rw,nr_inodes=2
2 1 0:2 / /a rw - tmpfs a rw
3 1 0:3 / /b rw - tmpfs b rw
`);

const at = mkdtempSync(join(tmpdir(), 'mountyard-end-'));
for (let round = 0; round < 10; round += 1) {
  restoreTreeSync(TREE).release();
  (await restoreTree(TREE, { engine: 'yard' })).release();
  (await restoreTree(TREE, { into: { at } })).release();
  (await restoreTree(TREE, { userNamespace: 'self' })).release();
  await restoreTree(TOO_SMALL).catch(expectCode('ENOSPC'));
  await restoreTree(TREE, { signal: AbortSignal.abort() }).catch(expectCode('ERR_MOUNTYARD_CANCELLED'));
  captureTree({ pid: process.pid });
  const namespace = MountNamespace.create();
  const child = namespace.spawn('true', [], { stdio: 'ignore' });
  await new Promise((resolve) => child.once('close', resolve));
  namespace.close();
}
rmdirSync(at);

function expectCode(code) {
  return (error) => {
    if (error.code !== code) throw error;
  };
}
