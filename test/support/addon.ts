import { createRequire } from 'node:module';
import { resolve } from 'node:path';

/** The addon under test, for programs that tests run in other threads and processes. */
export function addonPath(): string {
  const override = process.env.MOUNTYARD_ADDON;
  if (override) return resolve(override);
  const find = createRequire(import.meta.url)('node-gyp-build') as { resolve(root: string): string };
  return find.resolve(process.cwd());
}
