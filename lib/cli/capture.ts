import { writeFileSync } from 'node:fs';
import { type Command, Option } from 'commander';
import { formatMountinfo } from '../formats/mountinfo.ts';
import { formatSnapshot } from '../formats/snapshot.ts';
import { addNamespaceOptions, captureNamed, type NamespaceValues } from './namespace-options.ts';
import { option } from './restore-options.ts';
import type { Session } from './session.ts';
import { readHostPath } from './words.ts';

interface Values extends NamespaceValues {
  readonly output?: string;
  readonly format: 'json' | 'mountinfo';
}

export function addCapture(program: Command, session: Session): void {
  const command = program
    .command('capture')
    .description('writes down the mount tree of a namespace')
    .addOption(option('--output <file>', 'writes to this file instead of standard output', readHostPath))
    .addOption(new Option('--format <format>').choices(['json', 'mountinfo']).default('json'))
    .action(async (values: Values) => {
      const tree = await captureNamed(values);
      const bytes = values.format === 'json' ? formatSnapshot({ namespaces: [tree] }) : formatMountinfo(tree);
      if (values.output === undefined) session.terminal.result(bytes);
      else writeFileSync(values.output, bytes);
    });
  addNamespaceOptions(command);
}
