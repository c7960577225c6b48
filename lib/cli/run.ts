import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { Command, CommanderError } from 'commander';
import { renderError } from '../render/error.ts';
import { blockText } from '../render/escape.ts';
import type * as capture from './capture.ts';
import type * as diff from './diff.ts';
import type * as doctor from './doctor.ts';
import type * as exec from './exec.ts';
import type * as plan from './plan.ts';
import type * as restore from './restore.ts';
import type { Session } from './session.ts';
import type * as show from './show.ts';
import { COMMAND_STATUS, STATUS, statusOf } from './status.ts';
import { openTerminal } from './terminal.ts';
import type * as verify from './verify.ts';

type Add = (program: Command, session: Session) => void;

/** By require, which reads one file after the other, as in main.ts. */
const load = createRequire(import.meta.url);

/** What adds each command, in the order of the help. */
const COMMANDS: { readonly [name: string]: () => Add } = {
  show: () => (load('./show.js') as typeof show).addShow,
  capture: () => (load('./capture.js') as typeof capture).addCapture,
  plan: () => (load('./plan.js') as typeof plan).addPlan,
  restore: () => (load('./restore.js') as typeof restore).addRestore,
  verify: () => (load('./verify.js') as typeof verify).addVerify,
  diff: () => (load('./diff.js') as typeof diff).addDiff,
  exec: () => (load('./exec.js') as typeof exec).addExec,
  doctor: () => (load('./doctor.js') as typeof doctor).addDoctor,
};

/** Runs the command with these arguments (without node and script). Resolves to the exit status; never rejects. */
export async function run(argv: readonly string[]): Promise<number> {
  const { own, guest } = splitGuest(argv);
  const session: Session = { terminal: openTerminal(), guest, status: STATUS.same };
  try {
    await makeProgram(session, own[0] ?? '').parseAsync(own, { from: 'user' });
    return session.status;
  } catch (error) {
    const status = report(error, session);
    return guest !== undefined && status !== STATUS.same ? COMMAND_STATUS.failed : status;
  }
}

/** With the command of that name, which is mostly all that is asked for, or with all of them. */
function makeProgram(session: Session, first: string): Command {
  const program = new Command('mountyard')
    .description('Captures, plans, restores and verifies Linux mount trees.')
    .version(packageVersion())
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(blockText(text)) })
    .showHelpAfterError('(mountyard --help tells more)');
  for (const addCommand of asked(first)) addCommand()(program, session);
  return program.addHelpText(
    'after',
    `
SNAPSHOT is a file or -, standard input: snapshot JSON or mountinfo text, recognized by content.
Exit status: 0 done and the same; 1 differences; 2 bad usage or malformed input; 3 the host does not
give what the tree needs; 4 a call failed, and everything was taken back. restore and exec with
COMMAND exit with its own status; 125 mountyard failed, 126 COMMAND cannot be run, 127 it was not found.`,
  );
}

function asked(first: string): readonly (() => Add)[] {
  if (VERSION.has(first)) return [];
  const named = Object.hasOwn(COMMANDS, first) ? COMMANDS[first] : undefined;
  return named ? [named] : Object.values(COMMANDS);
}

const VERSION = new Set(['-V', '--version']);
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
