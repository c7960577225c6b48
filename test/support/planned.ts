import { parseMountinfo } from '../../lib/formats/mountinfo.ts';
import { UnmetRequirementsError } from '../../lib/plan/options/requirements.ts';
import { planRestore } from '../../lib/plan/restore.ts';
import { UNKNOWN_HOST } from '../../lib/plan/unknown-host.ts';
import { compileRestore } from '../../lib/program/compile.ts';
import type { CompiledProgram } from '../../lib/program/compiled.ts';
import { table, tables } from '../unit/formats/tables.ts';
import type { TestedEngine } from './live.ts';

const LARGEST = 300;

/** The programs of the real tables, each filesystem that this host may lack being a stand-in. */
export function plannedTables(engine: TestedEngine): CompiledProgram[] {
  const options = { standIn: 'all', ignoreHostPropagation: true, engine } as const;
  return tables.flatMap((name) => {
    const tree = parseMountinfo(table(name));
    if (tree.size > LARGEST) return [];
    try {
      return [compileRestore(planRestore(tree, options, UNKNOWN_HOST))];
    } catch (error) {
      if (error instanceof UnmetRequirementsError) return []; // an idmap, which no text tells
      throw error;
    }
  });
}
