/** Each sample in a process of its own, or in one that is warm. */
import { fork, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export function pathOf(file) {
  return fileURLToPath(new URL(file, import.meta.url));
}

/** Runs a command to its end; its standard output. */
export function run(command, args, options = {}) {
  const { status, signal, stdout, stderr, error } = spawnSync(command, args, {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    ...options,
  });
  if (error) throw error;
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${signal ?? status}: ${stderr}`);
  return stdout;
}

export const CLOCKS = ['wall', 'cpu'];

/** Chooses between the milliseconds that passed and those that processors worked. */
export function reading(clock) {
  return ({ wall, cpu }) => ({ wall, cpu })[clock];
}

/**
 * Milliseconds that a program of `native` prints as nanoseconds, by the clock and of the processor, and what else it
 * prints.
 */
export function nativeTimes(name, args, options) {
  const [wall, cpu, ...rest] = run(pathOf(`out/${name}`), args, options)
    .split(' ')
    .map(Number);
  return { wall: wall / 1e6, cpu: cpu / 1e6, rest };
}

/** Milliseconds that processors worked for the children that this process has waited for: proc_pid_stat(5). */
export function childrenTime() {
  const [, fields] = readFileSync('/proc/self/stat', 'latin1').split(') ');
  const [user, system] = fields.split(' ').slice(13, 15).map(Number);
  return (user + system) * MS_A_TICK;
}

/** sysconf(_SC_CLK_TCK) is 100 on every Linux that Node runs on. */
const MS_A_TICK = 10;

/** A Node process that answers questions, one at a time. */
export class Worker {
  #child;

  /** Starts `workers/NAME.mjs`; it says `ready` when it is warm. */
  static async start(name, parameters) {
    const worker = new Worker();
    worker.#child = fork(pathOf(`workers/${name}.mjs`));
    worker.#child.send(parameters);
    await worker.#answer();
    return worker;
  }

  /** Asks; what it answers. */
  async ask(question = {}) {
    this.#child.send(question);
    return this.#answer();
  }

  async #answer() {
    const ended = new AbortController();
    const { signal } = ended;
    const end = once(this.#child, 'exit', { signal }).then(([status, name]) => {
      throw new Error(`a benchmark's process ended early: ${name ?? status}`);
    });
    try {
      const [answer] = await Promise.race([once(this.#child, 'message', { signal }), end]);
      return answer;
    } finally {
      ended.abort();
      end.catch(() => {}); // of the abort
    }
  }

  /** Ends it, and waits until it is gone. */
  async stop() {
    const end = once(this.#child, 'exit');
    this.#child.disconnect();
    await end;
  }
}

/** A worker that is asked one thing. */
export async function ask(name, parameters) {
  const worker = await Worker.start(name, parameters);
  const answer = await worker.ask();
  await worker.stop();
  return answer;
}
