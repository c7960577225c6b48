import { basename } from 'node:path';
import { Worker } from 'node:worker_threads';
import { describe, expect, test, vi } from 'vitest';
import { O } from '../../lib/flags.ts';
import { parseMountinfo } from '../../lib/formats/mountinfo.ts';
import type { Mount } from '../../lib/model/mount.ts';
import * as sys from '../../lib/sys.ts';
import { readWhole } from '../../lib/system/calls/files.ts';
import { captureTree } from '../../lib/system/capture/capture.ts';
import { restoreTree } from '../../lib/system/restore/restore.ts';
import { BOTH_ENGINES } from '../support/live.ts';
import { closeAll, OpByOp } from '../support/op-by-op.ts';
import { expectNoLeakedFds } from '../support/open-fds.ts';
import { isMachineRoot } from '../support/privilege.ts';
import { mountTable, ScratchMount } from '../support/scratch-mount.ts';

const SETS = [
  'ro',
  'nosuid',
  'nodev',
  'noexec',
  'ro,nosuid',
  'nosuid,nodev,noexec',
  'ro,nosuid,nodev,noexec',
];

/** Each mount point is named for its attributes: what an observer sees without them was visible too early. */
function tableOf(count: number): string {
  const name = (i: number) => `m${i}.${(SETS[i % SETS.length] as string).replaceAll(',', '.')}`;
  const lines = Array.from({ length: count }, (_, i) => {
    const words = SETS[i % SETS.length] as string;
    const options = words.startsWith('ro') ? words : `rw,${words}`;
    // Own filesystems, binds of one, shared and slave mounts, and mounts on mounts.
    const [device, root] = i % 3 === 0 ? [`0:${i + 10}`, '/'] : ['0:2', `/d${i}`];
    const group = ['', ' shared:1', ' master:1'][i % 3] ?? '';
    const [parent, place] = i % 5 === 4 ? [i + 1, `/${name(i - 1)}/${name(i)}`] : [1, `/${name(i)}`];
    return `${i + 2} ${parent} ${device} ${root} ${place} ${options},relatime${group} - tmpfs t rw`;
  });
  const all = `${count + 2} 1 0:2 / /all.ro ro,relatime shared:1 - tmpfs t rw`;
  return ['1 0 0:1 / / rw,relatime - tmpfs root rw', ...lines, all, ''].join('\n');
}

/** Attributes that a mount's name promises. */
const promised = ({ mountPoint }: Pick<Mount, 'mountPoint'>) => basename(mountPoint).split('.').slice(1);
const lacking = (mount: Mount) => promised(mount).filter((word) => !mount.options.includes(word));

describe.skipIf(!isMachineRoot).each(BOTH_ENGINES)(
  'ro, nosuid, nodev and noexec hold from the first instant: %s',
  (engine) => {
    expectNoLeakedFds();

    test('an observer who looks at the host after every op sees nothing, then all', () => {
      using scratch = new ScratchMount();
      const at = scratch.directory('at');
      const tree = parseMountinfo(tableOf(12));
      using steps = new OpByOp(tree, { engine, into: { at } });
      const before = mountTable();
      const attach = steps.ops.findLastIndex(({ name }) => name === 'move_mount');
      for (let count = 0; count <= steps.ops.length; count += 1) {
        closeAll(steps.run(count));
        if (count <= attach) expect({ count, table: mountTable() }).toEqual({ count, table: before });
        else {
          const seen = captureTree().mounts.filter(({ mountPoint }) => mountPoint.startsWith(at));
          expect(seen).toHaveLength(tree.size);
          expect(seen.filter((mount) => lacking(mount).length > 0)).toEqual([]);
          sys.umount(at, ['DETACH']);
        }
      }
      expect(mountTable()).toBe(before);
    });

    test('so does one who looks from inside the namespace that is being made', () => {
      const tree = parseMountinfo(tableOf(12));
      using steps = new OpByOp(tree, { engine });
      let seen = 0;
      for (let count = 1; count <= steps.ops.length; count += 1) {
        const table = steps.exportSlot('mountinfo');
        const fds = steps.run(count, [
          'openat2',
          { a: steps.importSlot('proc'), s1: 'thread-self/mountinfo', f1: O.CLOEXEC, out: table },
        ]);
        const mounts = fds.mountinfo ? parseMountinfo(readWhole(fds.mountinfo)).mounts : [];
        const own = mounts.filter((mount) => promised(mount).length > 0);
        seen += own.length;
        expect({ count, bad: own.filter((mount) => lacking(mount).length > 0) }).toEqual({ count, bad: [] });
        closeAll(fds);
      }
      expect(seen).toBeGreaterThan(tree.size);
    });

    test('and one who polls from a thread of its own while hundreds of mounts are attached', async () => {
      using scratch = new ScratchMount();
      const at = scratch.directory('at');
      const tree = parseMountinfo(tableOf(500));
      const observer = new Observer(at);
      await observer.looksAgain(2);
      for (let round = 0; round < 3; round += 1) {
        using restored = await restoreTree(tree, { engine, into: { at }, verify: false });
        expect(restored.tree.size).toBe(tree.size);
        await observer.looksAgain(2);
      }
      const { seen, bad } = await observer.stop();
      expect(bad).toEqual([]);
      expect(seen).toBeGreaterThan(3 * tree.size);
    });
  },
);

/** In a thread of its own: counts the mounts that it saw below a directory, and tells the lines that lack a word. */
const OBSERVE = `
const { readFileSync } = require('node:fs');
const { parentPort, workerData: { at, control } } = require('node:worker_threads');
const bad = [];
let seen = 0;
while (Atomics.load(control, 0) === 0) {
  for (const line of readFileSync('/proc/thread-self/mountinfo', 'latin1').split('\\n')) {
    const [, , , , place = '', options = ''] = line.split(' ');
    if (!place.startsWith(at)) continue;
    seen += 1;
    const promised = place.split('/').pop().split('.').slice(1);
    const has = options.split(',');
    if (promised.some((word) => !has.includes(word))) bad.push(line);
  }
  Atomics.add(control, 1, 1);
}
parentPort.postMessage({ seen, bad });
`;

class Observer {
  readonly #worker: Worker;
  readonly #control = new Int32Array(new SharedArrayBuffer(8));
  readonly #report: Promise<{ readonly seen: number; readonly bad: readonly string[] }>;

  constructor(at: string) {
    // Without the preload, which would give the thread a mount namespace of its own.
    this.#worker = new Worker(OBSERVE, {
      eval: true,
      execArgv: [],
      workerData: { at, control: this.#control },
    });
    this.#report = new Promise((resolve, reject) =>
      this.#worker.once('message', resolve).once('error', reject),
    );
  }

  /** Waits until it has looked so many times more. */
  async looksAgain(times: number): Promise<void> {
    const until = Atomics.load(this.#control, 1) + times;
    await vi.waitFor(() => expect(Atomics.load(this.#control, 1)).toBeGreaterThanOrEqual(until), 10_000);
  }

  async stop() {
    Atomics.store(this.#control, 0, 1);
    const report = await this.#report;
    await this.#worker.terminate();
    return report;
  }
}
