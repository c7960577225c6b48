import { spawn } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { parseSnapshot } from '../../lib/index.ts';
import { isRoot } from '../support/privilege.ts';
import { mountyard } from './mountyard.ts';

test('descendants are captured as JSON, and of a process', () => {
  expect(mountyard(['capture', '--descendants', '--format', 'mountinfo'])).toMatchObject({
    status: 2,
    err: expect.stringContaining('a mountinfo text holds one namespace'),
  });
  expect(mountyard(['capture', '--descendants', '--ns', '/proc/self/ns/mnt']).status).toBe(2);
});

describe.skipIf(!isRoot)('capture --descendants, as root', () => {
  test('writes the namespaces of a process tree into one snapshot', async () => {
    const script = 'unshare --mount sh -c "mount -t tmpfs inner /mnt; echo ready; exec sleep 60" & wait';
    const family = spawn('sh', ['-c', script], { stdio: ['ignore', 'pipe', 'inherit'], detached: true });
    const closed = new Promise((resolve) => family.once('close', resolve));
    await new Promise((resolve) => family.stdout.once('data', resolve));
    const { status, out } = mountyard(['capture', '--pid', String(family.pid), '--descendants']);
    process.kill(-(family.pid as number), 'SIGKILL'); // the group that this test made
    await closed;
    expect(status).toBe(0);
    const { namespaces } = parseSnapshot(out);
    expect(namespaces.map((tree) => tree.at('/mnt')?.source)).toEqual([undefined, 'inner']);
  });
});
