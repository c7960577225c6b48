/** What a worker is: parameters in its first message, an answer for each question. */
import { once } from 'node:events';

/** No argument of a command is longer than 128 KiB. */
export const [parameters] = await once(process, 'message');

/** Says that all is ready, and answers with what `reply` returns, until the other side has enough. */
export function answer(reply) {
  process.on('message', async (question) => process.send(await reply(question)));
  process.send('ready');
}

/**
 * How often work is done in vain before it counts as warm, and at most; a run is faster by so much at least. What is soon
 * done is done for so many milliseconds, or V8 has not seen it often enough.
 */
const WARM = { vain: 8, most: 60, faster: 0.97, least: 1000 };

/** Does timed work until it gets no faster: V8 compiles what it has seen run. The processors' time decides. */
export function warmUp(work) {
  let best = Number.POSITIVE_INFINITY;
  let vain = 0;
  let spent = 0;
  const isCold = (times) => spent < WARM.least || (times < WARM.most && vain < WARM.vain);
  for (let times = 0; parameters.quick ? times < 1 : isCold(times); times += 1) {
    const { cpu } = work();
    vain = cpu < best * WARM.faster ? 0 : vain + 1;
    best = Math.min(best, cpu);
    spent += cpu;
  }
}

/** What a piece of work returned, and the milliseconds that it took: by the clock, and of the processors. */
export function timed(work) {
  const cpu = process.cpuUsage();
  const start = performance.now();
  const value = work();
  const wall = performance.now() - start;
  const { user, system } = process.cpuUsage(cpu);
  return { value, wall, cpu: (user + system) / 1000 };
}
