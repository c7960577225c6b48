import type { ChildProcess } from 'node:child_process';
import { constants } from 'node:os';
import { COMMAND_STATUS } from './status.ts';
import type { Terminal } from './terminal.ts';

/** Handed on to COMMAND. A terminal sends the first two to COMMAND itself, which is in the same process group. */
const FROM_TERMINAL: readonly NodeJS.Signals[] = ['SIGINT', 'SIGQUIT'];
const HANDED_ON: readonly NodeJS.Signals[] = [
  'SIGTERM',
  'SIGHUP',
  'SIGUSR1',
  'SIGUSR2',
  'SIGCONT',
  'SIGWINCH',
];

/** Runs COMMAND; resolves to what to exit with: its status, 128 and the signal that ended it, 126 or 127. */
export async function runGuest(start: () => ChildProcess, name: string, terminal: Terminal): Promise<number> {
  const interactive = process.stdin.isTTY;
  let child: ChildProcess | undefined;
  const handlers = new Map<NodeJS.Signals, () => void>();
  for (const signal of [...FROM_TERMINAL, ...HANDED_ON]) {
    const own = interactive && (FROM_TERMINAL.includes(signal) || signal === 'SIGWINCH');
    handlers.set(signal, own ? () => {} : () => child?.kill(signal));
  }
  // COMMAND may run before `start` returns, and a signal may come because of what it does.
  for (const [signal, handler] of handlers) process.on(signal, handler);
  try {
    child = start();
    return await exitStatus(child, name, terminal);
  } finally {
    for (const [signal, handler] of handlers) process.off(signal, handler);
  }
}

function exitStatus(child: ChildProcess, name: string, terminal: Terminal): Promise<number> {
  return new Promise((resolve) => {
    child.once('error', (error: NodeJS.ErrnoException) => resolve(cannotRun(error, name, terminal)));
    child.once('exit', (code, signal) => resolve(code ?? 128 + (signal ? constants.signals[signal] : 0)));
  });
}

/** What to exit with when COMMAND could not be started, having said why. */
function cannotRun(error: NodeJS.ErrnoException, name: string, terminal: Terminal): number {
  const missing = error.code === 'ENOENT';
  terminal.note(`mountyard: ${name}: ${missing ? 'no such command in the restored tree' : error.message}`);
  return missing ? COMMAND_STATUS.notFound : COMMAND_STATUS.notRunnable;
}
