/** What a worker is: parameters from its command line, an answer for each question. */

export const parameters = JSON.parse(process.argv[2] ?? '{}');

/** Says that all is ready, and answers with what `reply` returns, until the other side has enough. */
export function answer(reply) {
  process.on('message', async (question) => process.send(await reply(question)));
  process.send('ready');
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
