import { type Command, Option } from 'commander';
import { UsageError } from '../errors.ts';
import { formatHostFacts, parseHostFacts } from '../formats/facts.ts';
import type { HostFacts } from '../model/facts.ts';
import type { Snapshot } from '../model/snapshot.ts';
import type { RestoreOptions } from '../plan/options/options.ts';
import { planRestore } from '../plan/restore.ts';
import { compileRestore } from '../program/compile.ts';
import { listProgram } from '../program/listing.ts';
import { lineText } from '../render/escape.ts';
import { planToJson, renderPlan } from '../render/plan.ts';
import { refuseWithProposals } from './auto.ts';
import { onlyTree, readInput, readSnapshot } from './input.ts';
import { addRestoreOptions, option, type RestoreValues, restoreOptionsOf } from './restore-options.ts';
import type { Session } from './session.ts';
import { readHostPath } from './words.ts';

type Format = 'text' | 'listing' | 'json' | 'facts';

interface Values extends RestoreValues {
  readonly host?: string;
  readonly format: Format;
}

export function addPlan(program: Command, session: Session): void {
  const command = program
    .command('plan')
    .description('says what a restore would do, and does nothing')
    .argument('<SNAPSHOT>')
    .option('--host <facts>', 'plans for the host with these facts (a file that --format facts wrote)')
    .addOption(
      new Option(
        '--format <format>',
        'text for people, the calls that would be made, JSON, or what was found out',
      )
        .choices(['text', 'listing', 'json', 'facts'])
        .default('text'),
    )
    .addOption(option('--at <dir>', 'plans to attach the tree there', readHostPath))
    .action(async (snapshot: string, values: Values) => {
      if (snapshot === '-' && values.host === '-') {
        throw new UsageError('standard input can be the snapshot or the facts, not both');
      }
      const input = readSnapshot(snapshot);
      const options = restoreOptionsOf(values);
      const facts = await factsFor(input, options, values.host);
      const { terminal } = session;
      if (values.format === 'facts') {
        terminal.result(formatHostFacts(facts));
        return;
      }
      if (values.auto) {
        const tree = onlyTree(input, '--auto looks for one namespace: the snapshot holds');
        refuseWithProposals(tree, options, facts, terminal);
      }
      const plan = planRestore(input, options, facts);
      if (values.format === 'json') terminal.result(JSON.stringify(planToJson(plan)));
      else if (values.format === 'text') terminal.result(renderPlan(plan, terminal.resultLook));
      else terminal.result(listProgram(compileRestore(plan)).map(lineText).join('\n'));
    });
  addRestoreOptions(command);
}

async function factsFor(
  input: Snapshot,
  options: RestoreOptions,
  host: string | undefined,
): Promise<HostFacts> {
  if (host !== undefined) return parseHostFacts(readInput(host));
  const { inspectHost } = await import('../system/inspect/inspect.ts');
  return inspectHost(input, options);
}
