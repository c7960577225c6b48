import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, readlinkSync } from 'node:fs';
import { expect, test } from 'vitest';
import { captureTree } from '../../lib/system/capture/capture.ts';
import { captureSnapshot } from '../../lib/system/capture/snapshot.ts';

/** What a process would show of having been stopped, traced, woken or moved. */
function traces(pid: number): string[] {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8').split('\n');
  const told = status.filter((line) =>
    /^(State|TracerPid|SigPnd|ShdPnd|\w*voluntary_ctxt_switches):/.test(line),
  );
  const places = ['ns/mnt', 'ns/user', 'root', 'cwd'].map((name) => readlinkSync(`/proc/${pid}/${name}`));
  return [...told, ...places, readFileSync(`/proc/${pid}/mountinfo`, 'latin1')];
}

test('a process whose mounts are captured is neither stopped nor woken, and has the same mounts after', async () => {
  const child = spawn('/bin/sleep', ['60'], { stdio: 'ignore' });
  try {
    await once(child, 'spawn');
    const pid = child.pid as number;
    await expect.poll(() => readFileSync(`/proc/${pid}/wchan`, 'utf8')).toContain('nanosleep');
    const before = traces(pid);
    expect(before.join('\n')).toMatch(/^State:\tS .*^TracerPid:\t0$/ms);
    captureTree({ pid });
    captureSnapshot({ pid, descendants: true });
    expect(traces(pid)).toEqual(before);
  } finally {
    child.kill();
    await once(child, 'exit');
  }
});
