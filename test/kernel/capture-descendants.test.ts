import { type ChildProcess, spawn } from 'node:child_process';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { captureSnapshot, captureTree, formatSnapshot, parseSnapshot } from '../../lib/index.ts';
import { addonPath } from '../support/addon.ts';
import { expectNoLeakedFds } from '../support/open-fds.ts';
import { isRoot } from '../support/privilege.ts';

/** A shell in a namespace of its own, with two children in a second one and a grandchild in a third. */
const FAMILY = `
  mount -t tmpfs first /mnt
  unshare --mount --propagation private sh -c 'mount -t tmpfs second /mnt; sleep 60 & sleep 60 & unshare --mount --propagation private sh -c "mount -t tmpfs third /mnt; echo ready; exec sleep 60"; wait' &
  sleep 60 &
  wait
`;

describe.skipIf(!isRoot)('the namespaces of a process tree, as root', () => {
  expectNoLeakedFds();
  let family: ChildProcess;
  beforeEach(async () => {
    family = spawn('unshare', ['--mount', '--propagation', 'private', 'sh', '-c', FAMILY], {
      stdio: ['ignore', 'pipe', 'inherit'],
      detached: true,
    });
    await new Promise((resolve) => family.stdout?.once('data', resolve));
  });
  afterEach(async () => {
    const closed = new Promise((resolve) => family.once('close', resolve));
    process.kill(-(family.pid as number), 'SIGKILL'); // the group that this test made
    await closed;
  });

  const stacks = (snapshot: ReturnType<typeof captureSnapshot>) =>
    snapshot.namespaces.map((tree) =>
      tree.mounts.filter(({ mountPoint }) => mountPoint === '/mnt').map(({ source }) => source),
    );

  test('are captured once each, that of the process itself first', () => {
    const snapshot = captureSnapshot({ pid: family.pid as number, descendants: true });
    expect(stacks(snapshot)).toEqual([['first'], ['first', 'second'], ['first', 'second', 'third']]);
    for (const tree of snapshot.namespaces) expect(tree.problems).toEqual([]);
    expect(stacks(parseSnapshot(formatSnapshot(snapshot)))).toEqual(stacks(snapshot));
  });

  test('begin with the caller’s own when no process is named', () => {
    const { namespaces } = captureSnapshot({ descendants: true });
    expect(namespaces[0]?.size).toBe(captureTree().size);
    expect(namespaces).toHaveLength(4);
  });

  test('are one without descendants', () => {
    expect(captureSnapshot({ pid: family.pid as number }).namespaces).toHaveLength(1);
  });
});

/** Two threads beside the first one: one mounts in a namespace of its own, the other stays. */
const THREADS = `
  const { Worker } = require('node:worker_threads');
  const mounter = \`
    const { sys } = require(process.env.ADDON);
    const bytes = Buffer.from;
    sys.unshare(0x20200); // CLONE_FS | CLONE_NEWNS
    sys.mount(null, bytes('/'), null, 0x44000n, null); // MS_REC | MS_PRIVATE
    sys.mount(bytes('of-the-thread'), bytes('/mnt'), bytes('tmpfs'), 0n, null);
    console.log('ready');
    setInterval(() => {}, 1e9);\`;
  new Worker('setInterval(() => {}, 1e9)', { eval: true });
  new Worker(mounter, { eval: true });
`;

describe.skipIf(!isRoot)('a process with a thread in a namespace of its own, as root', () => {
  expectNoLeakedFds();

  test('is captured with it, and once for all its other threads', async () => {
    const child = spawn(process.execPath, ['-e', THREADS], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, ADDON: addonPath() },
    });
    try {
      await new Promise((resolve) => child.stdout?.once('data', resolve));
      const { namespaces } = captureSnapshot({ pid: child.pid as number, descendants: true });
      expect(namespaces.map((tree) => tree.at('/mnt')?.source)).toEqual([undefined, 'of-the-thread']);
      expect(captureSnapshot({ descendants: true }).namespaces).toHaveLength(2);
    } finally {
      const closed = new Promise((resolve) => child.once('close', resolve));
      child.kill('SIGKILL');
      await closed;
    }
  });
});
