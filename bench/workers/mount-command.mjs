/** Binds directories read-only with mount(8), a process for each: `{sources, targets}`. */
import { spawnSync } from 'node:child_process';
import { sys } from 'mountyard';
import { childrenTime } from '../processes.mjs';
import { answer, parameters, timed } from './answers.mjs';

sys.unshare(['NEWNS']); // the mounts go with this process

function bind(source, target) {
  const { status, stderr } = spawnSync('mount', ['--bind', '-o', 'ro', source, target], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`mount(8) ended with ${status}: ${stderr}`);
}

answer(() => {
  const before = childrenTime();
  const { wall, cpu } = timed(() => {
    for (const [i, source] of parameters.sources.entries()) bind(source, parameters.targets[i]);
  });
  return { wall, cpu: cpu + childrenTime() - before };
});
