import { writeFileSync } from 'node:fs';
import { type Command, Option } from 'commander';
import { UsageError } from '../errors.ts';
import { formatMountinfo } from '../formats/mountinfo.ts';
import { formatSnapshot } from '../formats/snapshot.ts';
import type { Snapshot } from '../model/snapshot.ts';
import { addNamespaceOptions, captureNamed, type NamespaceValues } from './namespace-options.ts';
import { option } from './restore-options.ts';
import type { Session } from './session.ts';
import { readHostPath } from './words.ts';

interface Values extends NamespaceValues {
  readonly output?: string;
  readonly format: 'json' | 'mountinfo';
  readonly descendants?: true;
}

export function addCapture(program: Command, session: Session): void {
  const command = program
    .command('capture')
    .description('writes down the mount tree of a namespace')
    .addOption(option('--output <file>', 'writes to this file instead of standard output', readHostPath))
    .addOption(new Option('--format <format>').choices(['json', 'mountinfo']).default('json'))
    .addOption(
      new Option('--descendants', 'those of all processes that descend from it, too').conflicts('ns'),
    )
    .action(async (values: Values) => {
      if (values.descendants && values.format === 'mountinfo') {
        throw new UsageError('a mountinfo text holds one namespace: --descendants takes --format json');
      }
      const bytes =
        values.format === 'json'
          ? formatSnapshot(await captureAll(values))
          : formatMountinfo(await captureNamed(values));
      if (values.output === undefined) session.terminal.result(bytes);
      else writeFileSync(values.output, bytes);
    });
  addNamespaceOptions(command);
}

async function captureAll(values: Values): Promise<Snapshot> {
  if (!values.descendants) return { namespaces: [await captureNamed(values)] };
  const { captureSnapshot } = await import('../system/capture/snapshot.ts');
  return captureSnapshot({ descendants: true, ...(values.pid === undefined ? {} : { pid: values.pid }) });
}
