/** Where that which was compiled lies. */
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The package's root is three levels up, from lib/ as from dist/. */
const root = fileURLToPath(new URL('../../..', import.meta.url));

/** The addon: as it was built or shipped, or a build under test that MOUNTYARD_ADDON names. */
export function addonPath(): string {
  const override = process.env.MOUNTYARD_ADDON;
  if (override !== undefined && override !== '') return resolve(override);
  const { resolve: find } = createRequire(import.meta.url)('node-gyp-build') as {
    resolve(root: string): string;
  };
  try {
    return find(root);
  } catch (cause) {
    throw new Error(
      `no mountyard binary for ${process.platform} ${process.arch} in ${root}: run "npm rebuild mountyard" ` +
        `(needs a C++20 compiler), or in a checkout "npm run build:native"`,
      { cause },
    );
  }
}

/**
 * The program that enters namespaces lies beside the addon and shares its name: `mountyard.node` and
 * `mountyard-enter`, or `mountyard.glibc.node` and `mountyard.glibc-enter`.
 */
export function enterPath(): string {
  return addonPath().replace(/\.node$/, '-enter');
}
