import type { MountTree } from '../../../lib/model/tree.ts';
import type { RestoreOptions } from '../../../lib/plan/options/options.ts';
import { planRestore } from '../../../lib/plan/restore.ts';
import { compileRestore } from '../../../lib/program/compile.ts';
import { listProgram } from '../../../lib/program/listing.ts';
import { hostFacts } from '../../support/facts.ts';

export function compile(tree: MountTree, options: RestoreOptions = {}, facts = hostFacts()) {
  return compileRestore(planRestore(tree, options, facts));
}

export function listing(tree: MountTree, options: RestoreOptions = {}, facts = hostFacts()): string[] {
  return listProgram(compile(tree, options, facts));
}
