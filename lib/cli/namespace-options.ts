import type { Command } from 'commander';
import { UsageError } from '../errors.ts';
import type { MountTree } from '../model/tree.ts';
import { option } from './restore-options.ts';
import { readHostPath } from './words.ts';

/** Which namespace of this host: the caller's own without either. */
export interface NamespaceValues {
  readonly pid?: number;
  readonly ns?: string;
}

export function addNamespaceOptions(command: Command): Command {
  return command
    .addOption(option('--pid <pid>', 'the mount namespace of this process', readPid))
    .addOption(
      option('--ns <file>', 'the mount namespace that this file holds', readHostPath).conflicts('pid'),
    );
}

/** Reads the mount tree of the namespace named, or of the caller's own. */
export async function captureNamed({ pid, ns }: NamespaceValues): Promise<MountTree> {
  const { captureTree } = await import('../system/capture/capture.ts');
  if (pid !== undefined) return captureTree({ pid });
  return ns === undefined ? captureTree() : captureTree({ ns });
}

export function readPid(word: string): number {
  const pid = /^[1-9]\d{0,9}$/.test(word) ? Number(word) : Number.NaN;
  if (!(pid <= 0x7fffffff)) throw new UsageError('a process id is a positive whole number');
  return pid;
}
