import type { MountTree } from '../../../lib/model/tree.ts';
import type { RestoreOptions } from '../../../lib/plan/options/options.ts';
import { planRestore } from '../../../lib/plan/restore.ts';
import { hostFacts } from '../../support/facts.ts';
import { mount } from '../model/mounts.ts';
import { stepText } from './steps-text.ts';

export const ROOT = mount(1, 0, '/');
export const disk = { device: '8:1', type: 'ext4', source: '/dev/sda1' };

/** The steps of a plan, a line each. */
export function stepsOf(tree: MountTree, options: RestoreOptions = {}, facts = hostFacts()): string[] {
  return planRestore(tree, options, facts).steps.map(stepText);
}
