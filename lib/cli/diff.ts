import type { Command } from 'commander';
import { UsageError } from '../errors.ts';
import { diffTrees } from '../model/diff.ts';
import { renderDifferences } from '../render/differences.ts';
import { readTree } from './input.ts';
import type { Session } from './session.ts';
import { STATUS } from './status.ts';

export function addDiff(program: Command, session: Session): void {
  program
    .command('diff')
    .description('compares two mount trees')
    .argument('<A>', 'the tree expected')
    .argument('<B>', 'the tree that is')
    .option('--json', 'prints the differences as JSON')
    .action((a: string, b: string, { json }: { json?: true }) => {
      if (a === '-' && b === '-')
        throw new UsageError('standard input can be one of the two trees, not both');
      const differences = diffTrees(readTree(a), readTree(b));
      const { terminal } = session;
      terminal.result(
        json ? JSON.stringify(differences) : renderDifferences(differences, terminal.resultLook),
      );
      if (differences.length > 0) session.status = STATUS.different;
    });
}
