import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * The program that enters namespaces lies beside the addon, wherever that was built or shipped, and shares its name:
 * `mountyard.node` and `mountyard-enter`, or `mountyard.glibc.node` and `mountyard.glibc-enter`.
 */
export function enterPath(): string {
  return addonPath().replace(/\.node$/, '-enter');
}

function addonPath(): string {
  const override = process.env.MOUNTYARD_ADDON;
  if (override !== undefined && override !== '') return resolve(override);
  const { resolve: find } = createRequire(import.meta.url)('node-gyp-build') as {
    resolve(root: string): string;
  };
  return find(fileURLToPath(new URL('../..', import.meta.url)));
}
