import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { renderError } from '../render/error.ts';
import { blockText } from '../render/escape.ts';
import { addCapture } from './capture.ts';
import { addDiff } from './diff.ts';
import { addDoctor } from './doctor.ts';
import { addExec } from './exec.ts';
import { addPlan } from './plan.ts';
import { addRestore } from './restore.ts';
import type { Session } from './session.ts';
import { addShow } from './show.ts';
import { COMMAND_STATUS, STATUS, statusOf } from './status.ts';
import { openTerminal } from './terminal.ts';
import { addVerify } from './verify.ts';

/** Runs the command with these arguments (without node and script). Resolves to the exit status; never rejects. */
export async function run(argv: readonly string[]): Promise<number> {
  const { own, guest } = splitGuest(argv);
  const session: Session = { terminal: openTerminal(), guest, status: STATUS.same };
  try {
    await makeProgram(session).parseAsync(own, { from: 'user' });
    return session.status;
  } catch (error) {
    const status = report(error, session);
    return guest !== undefined && status !== STATUS.same ? COMMAND_STATUS.failed : status;
  }
}

function makeProgram(session: Session): Command {
  const program = new Command('mountyard')
    .description('Captures, plans, restores and verifies Linux mount trees.')
    .version(packageVersion())
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(blockText(text)) })
    .showHelpAfterError('(mountyard --help tells more)');
  for (const add of [addShow, addCapture, addPlan, addRestore, addVerify, addDiff, addExec, addDoctor])
    add(program, session);
  return program.addHelpText(
    'after',
    `
SNAPSHOT is a file or -, standard input: snapshot JSON or mountinfo text, recognized by content.
Exit status: 0 done and the same; 1 differences; 2 bad usage or malformed input; 3 the host does not
give what the tree needs; 4 a call failed, and everything was taken back. restore and exec with
COMMAND exit with its own status; 125 mountyard failed, 126 COMMAND cannot be run, 127 it was not found.`,
  );
}

const WITH_COMMAND = new Set(['restore', 'exec']);

/** COMMAND is everything after the first `--` of `restore` and `exec`. */
function splitGuest(argv: readonly string[]): {
  own: readonly string[];
  guest: readonly string[] | undefined;
} {
  const dashes = WITH_COMMAND.has(argv[0] ?? '') ? argv.indexOf('--') : -1;
  if (dashes < 0) return { own: argv, guest: undefined };
  return { own: argv.slice(0, dashes), guest: argv.slice(dashes + 1) };
}

/** Says what went wrong, unless commander has, and gives the exit status for it. */
function report(error: unknown, { terminal }: Session): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? STATUS.same : STATUS.usage;
  const text = renderError(error, terminal.noteLook);
  if (text !== undefined) {
    terminal.note(`mountyard: ${text}`);
    return statusOf(error);
  }
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  terminal.note(
    `${blockText(stack)}\nmountyard: this is a defect of mountyard: please report it with the lines above`,
  );
  return STATUS.failed;
}

function packageVersion(): string {
  const manifest = new URL('../../package.json', import.meta.url);
  return (JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version;
}
