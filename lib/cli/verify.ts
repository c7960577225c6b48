import type { Command } from 'commander';
import type { Difference } from '../model/difference.ts';
import { atOnce } from '../model/pausing.ts';
import type { MountTree } from '../model/tree.ts';
import { UnmetRequirementsError } from '../plan/options/requirements.ts';
import { planRestore } from '../plan/restore.ts';
import { renderDifferences } from '../render/differences.ts';
import { readTree } from './input.ts';
import { addNamespaceOptions, captureNamed, type NamespaceValues } from './namespace-options.ts';
import { addRestoreOptions, type RestoreValues, restoreOptionsOf } from './restore-options.ts';
import type { Session } from './session.ts';
import { STATUS } from './status.ts';
import type { Terminal } from './terminal.ts';

interface Values extends RestoreValues, NamespaceValues {
  readonly json?: true;
}

export function addVerify(program: Command, session: Session): void {
  const command = program
    .command('verify')
    .description('compares a namespace of this host with what a restore of SNAPSHOT with these options makes')
    .argument('<SNAPSHOT>')
    .option('--json', 'prints the differences as JSON')
    .action(async (snapshot: string, values: Values) => {
      const { terminal } = session;
      const differences = await compare(readTree(snapshot), values, terminal);
      const text = values.json
        ? JSON.stringify(differences)
        : renderDifferences(differences, terminal.resultLook);
      terminal.result(text);
      if (differences.length > 0) session.status = STATUS.different;
    });
  addRestoreOptions(addNamespaceOptions(command));
}

/**
 * What is not as a restore would build it here. A tree that this host cannot build, and for which no option was
 * given, was captured and not restored: it is then compared as it is.
 */
async function compare(tree: MountTree, values: Values, terminal: Terminal): Promise<Difference[]> {
  const { inspectHostHolding } = await import('../system/inspect/inspect.ts');
  const { viewInto, withOwners } = await import('../system/capture/owner-ids.ts');
  const { mapOf } = await import('../system/namespaces/userns.ts');
  const { verifyOnHost, verifyTree } = await import('../system/restore/verify.ts');
  const options = restoreOptionsOf(values);
  const actual = await captureNamed(values);
  const { facts, held } = inspectHostHolding(tree, options);
  try {
    const { target } = planRestore(tree, options, facts);
    const seen = options.userNamespace ? withOwners(actual, viewInto(mapOf(options.userNamespace))) : actual;
    return atOnce(verifyOnHost(target, seen, held));
  } catch (error) {
    if (!(error instanceof UnmetRequirementsError) || Object.keys(options).length > 0) throw error;
    terminal.note('mountyard: a restore here would need options; compared as captured');
    return verifyTree(tree, actual);
  } finally {
    held.close();
  }
}
