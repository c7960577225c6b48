/** Writes the JSON Schema of snapshots beside the compiled library, from where the package exports it. */
import { writeFileSync } from 'node:fs';
import { snapshotJsonSchema } from '../dist/formats/snapshot.js';

const file = new URL('../dist/snapshot.schema.json', import.meta.url);
writeFileSync(file, `${JSON.stringify(snapshotJsonSchema(), null, 2)}\n`);
