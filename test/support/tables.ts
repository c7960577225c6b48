import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Tables of other projects, read in place where they are and never copied. */
const SHARED = join(import.meta.dirname, '../../../shared/tables');
const OWN = join(import.meta.dirname, '../tables');

export interface Table {
  readonly name: string;
  readonly path: string;
}

/** The tables that INDEX.tsv calls complete: those that are here, and the names of those that are not. */
export function completeTables(): { readonly present: Table[]; readonly absent: string[] } {
  const index = join(SHARED, 'INDEX.tsv');
  const lines = existsSync(index) ? readFileSync(index, 'utf8').split('\n').slice(1) : [];
  const names = lines
    .map((line) => line.split('\t'))
    .flatMap(([name, , , complete]) => (complete === 'yes' && name ? [name] : []));
  const present: Table[] = [];
  const absent: string[] = [];
  for (const name of names) {
    const path = [join(OWN, name), join(OWN, 'made', name), join(SHARED, 'found', name)].find(existsSync);
    if (path) present.push({ name, path });
    else absent.push(name);
  }
  return { present, absent };
}
