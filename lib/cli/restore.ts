import type { Command } from 'commander';
import { UsageError } from '../errors.ts';
import type { Snapshot } from '../model/snapshot.ts';
import { renderDifferences } from '../render/differences.ts';
import { lineText } from '../render/escape.ts';
import { renderReport } from '../render/report.ts';
import type { RestoredTree } from '../system/restore/restored.ts';
import { refuseWithProposals } from './auto.ts';
import { runGuest } from './guest.ts';
import { untilReleased } from './hold.ts';
import { onlyTree, readSnapshot } from './input.ts';
import { addRestoreOptions, option, type RestoreValues, restoreOptionsOf } from './restore-options.ts';
import type { Session } from './session.ts';
import { COMMAND_STATUS, STATUS } from './status.ts';
import { readHostPath } from './words.ts';

interface Values extends RestoreValues {
  readonly pin?: string;
  readonly hold?: true;
  readonly verify: boolean;
  readonly json?: true;
}

export function addRestore(program: Command, session: Session): void {
  const command = program
    .command('restore')
    .description('builds the tree in a new mount namespace, reads it back and compares')
    .usage('SNAPSHOT [options] [-- COMMAND [ARG...]]')
    .argument('<SNAPSHOT>')
    .addOption(
      option('--at <dir>', 'attaches the tree there instead', readHostPath).conflicts(['pin', 'hold']),
    )
    .addOption(
      option('--pin <file>', 'keeps the namespace by a bind onto this file', readHostPath).conflicts('hold'),
    )
    .option('--hold', 'keeps the namespace until standard input closes or a signal comes')
    .option('--no-verify', 'does not compare what was built')
    .option('--json', 'prints the outcome as JSON')
    .action((snapshot: string, values: Values) => restore(snapshot, values, session));
  addRestoreOptions(command);
}

async function restore(snapshot: string, values: Values, session: Session): Promise<void> {
  const { guest } = session;
  refuseContradictions(snapshot, values, guest);
  const input = readSnapshot(snapshot);
  if (values.pin !== undefined) onlyTree(input, '--pin keeps one namespace: the snapshot holds');
  if (values.auto) return await proposeFromHost(input, values, session);

  const { restoreTree } = await import('../system/restore/restore.ts');
  const options = { ...restoreOptionsOf(values), verify: values.verify };
  const restored = await untilInterrupted((signal) => restoreTree(input, { ...options, signal }));
  if (restored.differences.length > 0) session.status = STATUS.different;
  if (values.at === undefined) {
    await using _namespace = restored;
    await use(restored, values, session);
  } else {
    // It stays where it was attached: only `release` would take it away.
    sayOutcome(restored, values, session);
  }
}

async function use(restored: RestoredTree, values: Values, session: Session): Promise<void> {
  const { guest } = session;
  // What is not the tree that was asked for is not kept.
  if (values.pin !== undefined && session.status === 0) await namespaceOf(restored).pin(values.pin);
  if (values.hold) await hold(restored, session);
  else if (guest === undefined) sayOutcome(restored, values, session);
  else session.status = await runInside(restored, guest, session);
}

function refuseContradictions(snapshot: string, values: Values, guest: readonly string[] | undefined): void {
  if (guest?.length === 0) throw new UsageError('no COMMAND stands after --');
  if (guest && values.at !== undefined) {
    throw new UsageError('with --at no namespace is made that COMMAND could run in');
  }
  if (guest && values.hold)
    throw new UsageError('COMMAND keeps the namespace while it runs: leave --hold out');
  if (guest && values.json) throw new UsageError('standard output is COMMAND’s: leave --json out');
  if (values.hold && snapshot === '-') {
    throw new UsageError('--hold waits for standard input to close: the snapshot has to be a file');
  }
}

async function proposeFromHost(input: Snapshot, values: Values, session: Session): Promise<void> {
  const tree = onlyTree(input, '--auto looks for one namespace: the snapshot holds');
  const { inspectHost } = await import('../system/inspect/inspect.ts');
  const options = restoreOptionsOf(values);
  refuseWithProposals(tree, options, inspectHost(tree, options), session.terminal);
  session.terminal.result('nothing is missing: without --auto the tree can be restored');
}

function sayOutcome(restored: RestoredTree, { json }: Values, { terminal }: Session): void {
  const { differences, report } = restored;
  if (json) {
    terminal.result(JSON.stringify({ mounts: report.mounts, differences, report }));
    return;
  }
  terminal.result(renderReport(restored, terminal.resultLook));
}

async function hold(restored: RestoredTree, { terminal }: Session): Promise<void> {
  const { differences, report } = restored;
  const [namespace, ...others] = restored.namespaces.map(({ fd }) => `/proc/${process.pid}/fd/${fd.number}`);
  const several = others.length === 0 ? {} : { namespaces: [namespace, ...others] };
  // Whoever reads the line may answer at once.
  const released = untilReleased();
  terminal.result(
    JSON.stringify({ pid: process.pid, namespace, ...several, mounts: report.mounts, differences }),
  );
  await released;
}

/** COMMAND's exit status. It does not run in a tree that is not the one asked for. */
async function runInside(
  restored: RestoredTree,
  guest: readonly string[],
  { terminal }: Session,
): Promise<number> {
  if (restored.differences.length > 0) {
    terminal.note(renderDifferences(restored.differences, terminal.noteLook));
    terminal.note('mountyard: the restored tree differs from the one asked for: COMMAND was not run');
    return COMMAND_STATUS.failed;
  }
  const [file = '', ...args] = guest;
  const namespace = namespaceOf(restored);
  return await runGuest(() => namespace.spawn(file, args, { stdio: 'inherit' }), lineText(file), terminal);
}

function namespaceOf(restored: RestoredTree): NonNullable<RestoredTree['namespace']> {
  if (!restored.namespace) throw new UsageError('no namespace was made');
  return restored.namespace;
}

/** While `work` runs, an interrupt takes it back instead of ending the process at once. */
async function untilInterrupted<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const abort = (signal: NodeJS.Signals): void => controller.abort(new Error(`${signal} came`));
  const signals: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  for (const signal of signals) process.on(signal, abort);
  try {
    return await work(controller.signal);
  } finally {
    for (const signal of signals) process.off(signal, abort);
  }
}
