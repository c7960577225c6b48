import type { Difference } from '../model/difference.ts';
import type { Leavers, LeftBehind } from '../model/left-behind.ts';
import type { PlanNotes } from '../plan/plan.ts';
import type { HostEffect } from '../plan/steps/steps.ts';
import { renderDifferences } from './differences.ts';
import { lineText } from './escape.ts';
import { count, section } from './lines.ts';
import { NO_PAINT, type Paint, type RenderOptions } from './paint.ts';
import { hostEffectLines, noteLines } from './plan.ts';

type Stage = 'inspect' | 'plan' | 'compile' | 'run' | 'readBack' | 'verify';

/** What is told of a restore; the library's `RestoredTree` is one. */
export interface Outcome {
  readonly differences: readonly Difference[];
  readonly report: PlanNotes &
    Leavers & {
      /** Whether the tree was compared with what was asked for. */
      readonly verified: boolean;
      readonly mounts: number;
      readonly calls: number;
      readonly hostEffects: readonly HostEffect[];
      /** Milliseconds. */
      readonly timings: { readonly [stage in Stage]: number };
    };
}

/** What a restore did: how much, whether it is the same, what is not as captured, what changed on the host. */
export function renderReport({ differences, report }: Outcome, options: RenderOptions = {}): string {
  const paint = options.paint ?? NO_PAINT;
  const total = Object.values<number>(report.timings).reduce((sum, time) => sum + time, 0);
  const effects = report.hostEffects.length === 0 ? [] : ['', ...hostEffectLines(report.hostEffects, paint)];
  return [
    `Restored ${count(report.mounts, 'mount')} with ${count(report.calls, 'call')} in ${total.toFixed(1)} ms`,
    ...(report.verified
      ? verdict(differences, paint, options)
      : [paint.warning('Not compared with what was asked for.')]),
    ...effects,
    ...section(leftLines(report), paint.heading('Left in the old tree'), paint),
    ...section(noteLines(report), paint.heading('Not as captured'), paint),
  ].join('\n');
}

function leftLines({ leftBehind, leftBehindUnknown = '' }: Outcome['report']): string[] {
  if (leftBehind) return leftBehind.map(leftLine);
  return [lineText(`who is could not be told: ${leftBehindUnknown}`)];
}

function leftLine({ pid, command, at }: LeftBehind): string {
  return lineText(
    `process ${pid} (${command}), with its ${at.map((word) => STANDING[word]).join(' and its ')}`,
  );
}

const STANDING = { root: 'root', cwd: 'working directory' } as const;

function verdict(differences: readonly Difference[], paint: Paint, options: RenderOptions): string[] {
  if (differences.length === 0) return [paint.good('Read back: the same tree.')];
  return [
    paint.bad(`Read back: ${count(differences.length, 'difference')}`),
    renderDifferences(differences, options),
  ];
}
