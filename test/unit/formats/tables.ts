import { existsSync, readdirSync, readFileSync } from 'node:fs';

const committed = new URL('../../tables/', import.meta.url);
const shared = new URL('../../../../shared/tables/', import.meta.url);

/** The tables of test/tables: what tools and a kernel really printed. */
export const tables: readonly string[] = [
  'lxc-vivid.mountinfo',
  ...readdirSync(new URL('made/', committed)).map((name) => `made/${name}`),
];

export function table(name: string): Buffer {
  return readFileSync(new URL(name, committed));
}

/** Tables of other projects, which are not ours to give out: read beside the checkout, where they are. */
export function borrowed(folder: 'found' | 'malformed'): {
  names: readonly string[];
  read: (name: string) => Buffer;
} {
  const at = new URL(`${folder}/`, shared);
  const names = existsSync(at) ? readdirSync(at).filter((name) => name.endsWith('.mountinfo')) : [];
  return { names, read: (name) => readFileSync(new URL(name, at)) };
}
