import type { Command } from 'commander';
import { UsageError } from '../errors.ts';
import { formatSnapshot } from '../formats/snapshot.ts';
import { renderTree } from '../render/tree.ts';
import { readTree } from './input.ts';
import { addNamespaceOptions, captureNamed, type NamespaceValues } from './namespace-options.ts';
import type { Session } from './session.ts';

interface Values extends NamespaceValues {
  readonly json?: true;
  readonly relative?: true;
}

export function addShow(program: Command, session: Session): void {
  const command = program
    .command('show')
    .description('draws a mount tree: a snapshot, or the one of a namespace of this host')
    .argument('[SNAPSHOT]')
    .option('--json', 'prints the tree as snapshot JSON')
    .option('--relative', 'names each mount point from the mount above it')
    .action(async (snapshot: string | undefined, values: Values) => {
      if (snapshot !== undefined && (values.pid !== undefined || values.ns !== undefined)) {
        throw new UsageError('show takes SNAPSHOT, --pid or --ns: give one of them');
      }
      const tree = snapshot === undefined ? await captureNamed(values) : readTree(snapshot);
      const { terminal } = session;
      if (values.json) terminal.result(formatSnapshot({ namespaces: [tree] }));
      else terminal.result(renderTree(tree, { ...terminal.resultLook, relative: values.relative ?? false }));
    });
  addNamespaceOptions(command);
}
