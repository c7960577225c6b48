import type { Command } from 'commander';
import { UsageError } from '../errors.ts';
import { lineText } from '../render/escape.ts';
import type { MountNamespace } from '../system/namespaces/namespace.ts';
import { runGuest } from './guest.ts';
import { readPid } from './namespace-options.ts';
import { option } from './restore-options.ts';
import type { Session } from './session.ts';
import { readHostPath, readWord, splitAtEquals } from './words.ts';

interface Values {
  readonly uid?: number;
  readonly gid?: number;
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
}

export function addExec(program: Command, session: Session): void {
  program
    .command('exec')
    .description('runs COMMAND in a mount namespace that is lived in, pinned or held')
    .usage('NAMESPACE [options] -- COMMAND [ARG...]')
    .argument('<NAMESPACE>', 'a namespace file, or the process id of one who lives in it')
    .addOption(option('--uid <uid>', 'the user id inside', readId))
    .addOption(option('--gid <gid>', 'the group id inside', readId))
    .addOption(option('--cwd <dir>', 'the working directory inside; / by default', readWord))
    .addOption(option('--env <name=value>', 'added to the environment (repeatable)', readVariable))
    .action(async (name: string, values: Values) => {
      const { guest = [], terminal } = session;
      const [file, ...args] = guest;
      if (file === undefined) throw new UsageError('no COMMAND stands after --');
      using namespace = await openNamespace(name);
      const { env, ...rest } = values;
      const options = { ...rest, env: { ...process.env, ...env }, stdio: 'inherit' } as const;
      session.status = await runGuest(() => namespace.spawn(file, args, options), lineText(file), terminal);
    });
}

async function openNamespace(name: string): Promise<MountNamespace> {
  const { MountNamespace } = await import('../system/namespaces/namespace.ts');
  return /^\d+$/.test(name) ? MountNamespace.of(readPid(name)) : MountNamespace.open(readHostPath(name));
}

const LARGEST_ID = 0x7fffffff;

function readId(word: string): number {
  const id = /^\d{1,10}$/.test(word) ? Number(word) : Number.NaN;
  if (!(id <= LARGEST_ID)) throw new UsageError('an id is a whole number');
  return id;
}

function readVariable(word: string, before: Record<string, string> = {}): Record<string, string> {
  const [name, value] = splitAtEquals(word);
  if (value === undefined || name === '') throw new UsageError('it is NAME=VALUE, and has no =');
  return { ...before, [readWord(name)]: readWord(value) };
}
