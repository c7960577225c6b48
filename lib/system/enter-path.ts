import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The program that enters namespaces lies beside the addon, wherever that was built or shipped. */
export function enterPath(): string {
  const override = process.env.MOUNTYARD_ADDON;
  if (override !== undefined && override !== '') return join(dirname(override), 'mountyard-enter');
  const { resolve } = createRequire(import.meta.url)('node-gyp-build') as { resolve(root: string): string };
  return join(dirname(resolve(fileURLToPath(new URL('../..', import.meta.url)))), 'mountyard-enter');
}
