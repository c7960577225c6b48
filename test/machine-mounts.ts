import { readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  interface ProvidedContext {
    /** The machine's mount table before the first test. */
    machineMounts: string;
    /** What lay in the directory for temporary files before the first test, of mountyard's. */
    machineScratch: string[];
  }
}

const TABLE = '/proc/self/mountinfo';

/** Directories of mountyard's among the machine's temporary files. */
export function scratchOfMachine(): string[] {
  return readdirSync(tmpdir()).filter((name) => name.startsWith('mountyard-'));
}

/** Vitest's main process stays in the machine's namespace: what it sees must be the same before and after. */
export default function setup(project: TestProject): () => void {
  if (process.env.CI === 'true' && !process.env.MOUNTYARD_UNPRIVILEGED && process.geteuid?.() !== 0) {
    throw new Error(
      'in CI the tests run as root, or with MOUNTYARD_UNPRIVILEGED=1: they would skip what matters',
    );
  }
  const before = readFileSync(TABLE, 'utf8');
  project.provide('machineMounts', before);
  project.provide('machineScratch', scratchOfMachine());
  return () => {
    if (readFileSync(TABLE, 'utf8') !== before) throw new Error(`the tests changed ${TABLE} of this machine`);
  };
}
