import type { Mount } from '../model/mount.ts';
import type { PlanNotes, PlanView } from '../plan/plan.ts';
import type { HostEffect } from '../plan/steps/steps.ts';
import { type Cell, layOut, narrowed } from './columns.ts';
import { lineText, nameText } from './escape.ts';
import { count, section } from './lines.ts';
import { NO_PAINT, type Paint, type RenderOptions } from './paint.ts';
import { stepText } from './step.ts';

/** What a restore changes outside the tree, then each step with its reason, then what is not as captured. */
export function renderPlan(plan: PlanView, options: RenderOptions = {}): string {
  const paint = options.paint ?? NO_PAINT;
  return [
    ...hostEffectLines(plan.hostEffects, paint),
    '',
    ...stepLines(plan, paint, options.width),
    ...section(noteLines(plan.notes), paint.heading('Not as captured'), paint),
    ...section(
      plan.unmetToRun.map(({ reason }) => lineText(reason)),
      paint.bad('Cannot be run here'),
      paint,
    ),
  ].join('\n');
}

/** The plan as plain data: what JSON can hold, nothing left out. */
export function planToJson(plan: PlanView): unknown {
  const { engine, origins, steps, hostEffects, notes, unmetToRun, imports } = plan;
  const { tree, ...compared } = plan.target;
  const lists = Object.entries(compared).map(([name, ids]) => [name, plainOf(ids)]);
  const target = { mounts: tree.mounts, ...Object.fromEntries(lists) };
  return { engine, target, origins, steps, hostEffects, notes, unmetToRun, imports };
}

function plainOf(ids: ReadonlySet<number> | ReadonlyMap<number, string>): unknown {
  return ids instanceof Map ? Object.fromEntries(ids) : [...ids];
}

export function hostEffectLines(effects: readonly HostEffect[], paint: Paint): string[] {
  if (effects.length === 0) return [paint.good('Nothing outside the tree changes.')];
  return [
    paint.heading('Changes on the host'),
    ...effects.map((effect) => {
      const undone = effect.undone ? ' (taken back when the restore fails)' : ' (stays)';
      return `  ${paint.warning(effect.kind)} ${nameText(effect.path)}: ${lineText(effect.description)}${paint.quiet(undone)}`;
    }),
  ];
}

/** What a plan does differently from the tree as captured, a line each. */
export function noteLines(notes: PlanNotes): string[] {
  return [
    ...standInLines(notes.standIns),
    ...notes.skipped.map((mount) => `left out: ${named(mount)}`),
    ...notes.leftEmpty.map((mount) => `made anew and empty: ${named(mount)}`),
    ...notes.broughtAlong.map((mount) => `brought along by a recursive bind: ${named(mount)}`),
    ...notes.ignoredMasters.map(({ mount, master }) => `master:${master} dropped: ${named(mount)}`),
    ...notes.droppedOptions.map(
      ({ mount, options }) =>
        `printed by the kernel, not accepted by it: ${options.join(',')} of ${named(mount)}`,
    ),
    ...notes.windowOptions.map(
      ({ mount, captured, inForce }) =>
        `options of the machine's own: ${named(mount)} was captured with ${captured}, in force is ${inForce}`,
    ),
    ...notes.changedNodes.map(({ mount, because }) => `another node: ${because}: ${named(mount)}`),
    ...notes.keptNames.map(
      ({ mount, path }) => `a second name is left: ${nameText(path)}, of the deleted root of ${named(mount)}`,
    ),
    ...notes.assumed.map((fact) => `assumed: ${fact}`),
  ].map(lineText);
}

/** A superblock stands in as a whole: one line for all its mounts. */
function standInLines(standIns: PlanNotes['standIns']): string[] {
  const mounts = new Map<string, Mount[]>();
  const reasons = new Map<string, string>();
  for (const { mount, because } of standIns) {
    const known = mounts.get(mount.device);
    if (known) known.push(mount);
    else mounts.set(mount.device, [mount]);
    reasons.set(mount.device, because);
  }
  return [...mounts].map(([device, [first, ...others]]) => {
    const more = others.length === 0 ? '' : ` and ${count(others.length, 'more mount')} of it`;
    return `stand-in for ${first ? named(first) : device}${more}: ${reasons.get(device)}`;
  });
}

/** Reasons give way on a narrow terminal. */
const GIVING_WAY = [{ column: 2, narrowest: 16 }];

function stepLines(plan: PlanView, paint: Paint, width: number | undefined): string[] {
  const digits = String(plan.steps.length).length;
  const rows = plan.steps.map((step, i): Cell[] => [
    { text: `  ${String(i + 1).padStart(digits)}`, role: 'quiet' },
    { text: stepText(step, plan) },
    { text: lineText(step.reason), role: 'quiet' },
  ]);
  const mounts = plan.target.tree.size;
  return [
    paint.heading(`${count(plan.steps.length, 'step')} for ${count(mounts, 'mount')}`),
    ...layOut(narrowed(rows, width, GIVING_WAY), paint),
  ];
}

function named(mount: Mount): string {
  return `#${mount.id} ${nameText(mount.mountPoint)} (${nameText(mount.type)})`;
}
