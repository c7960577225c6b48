import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { quote, refusal } from './arguments.ts';

/**
 * Node's spawn. What it throws, and does not tell by the child's `error` event, is an error as that of any other call.
 * @throws {MountError} ENOMEM and the like.
 */
export function spawnChild(command: string, args: readonly string[], options: SpawnOptions): ChildProcess {
  try {
    return spawn(command, args, options);
  } catch (error) {
    const { errno } = error as NodeJS.ErrnoException;
    if (errno === undefined) throw error; // an option that Node does not take
    throw refusal(errno, { syscall: 'spawn', arguments: [quote(command)] });
  }
}
