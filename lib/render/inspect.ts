/** How trees, results and errors print at the REPL: `util.inspect` asks a value for its text by a well-known symbol. */
import type { MountyardError } from '../errors.ts';
import type { Difference } from '../model/difference.ts';
import type { Mount } from '../model/mount.ts';
import type { MountTree } from '../model/tree.ts';
import type { PlanView } from '../plan/plan.ts';
import { renderDifferences } from './differences.ts';
import type { Help } from './help.ts';
import { renderMount } from './mount.ts';
import type { Paint, RenderOptions } from './paint.ts';
import { renderPlan } from './plan.ts';
import { type Outcome, renderReport } from './report.ts';
import { renderTree } from './tree.ts';

/** What `util.inspect` hands to a value's own inspector, as far as it is used here. */
interface InspectOptions {
  readonly stylize: (text: string, style: string) => string;
  readonly breakLength?: number;
}

/** Columns of the terminal that values are printed on; absent where there is none. */
type Columns = () => number | undefined;

const CUSTOM = Symbol.for('nodejs.util.inspect.custom');

/** Gives the instances of each class their text, which keeps to the terminal's width. */
export function installInspectors(
  columns: Columns,
  classes: {
    readonly Difference: { readonly prototype: Difference };
    readonly Help: { readonly prototype: Help };
    readonly MountNamespace: { readonly prototype: { readonly fd: { toString(): string } } };
    readonly ReadMount: { readonly prototype: Mount };
    readonly MountTree: { readonly prototype: MountTree };
    readonly MountyardError: { readonly prototype: MountyardError };
    readonly RestorePlan: { readonly prototype: PlanView };
    readonly RestoredTree: { readonly prototype: Outcome & { readonly tree: MountTree } };
  },
): void {
  const install = <T extends object>(
    { prototype }: { readonly prototype: T },
    render: (value: T, look: RenderOptions) => string,
  ): void => {
    Object.defineProperty(prototype, CUSTOM, {
      configurable: true,
      value(this: T, depth: number, options: InspectOptions): string {
        return depth < 0 ? `[${this.constructor.name}]` : render(this, lookOf(options, columns()));
      },
    });
  };
  install(classes.Difference, (difference, look) => renderDifferences([difference], look));
  install(classes.Help, String);
  install(classes.ReadMount, renderMount);
  install(classes.MountNamespace, ({ fd }) => `MountNamespace ${fd}`);
  install(classes.MountTree, renderTree);
  install(classes.RestorePlan, renderPlan);
  // The message says all that the fields have, and names the requirements one by one.
  install(classes.MountyardError, (error) => error.stack ?? `${error.name}: ${error.message}`);
  install(
    classes.RestoredTree,
    (restored, look) => `${renderTree(restored.tree, look)}\n\n${renderReport(restored, look)}`,
  );
}

/** The styles are those that Node gives to values of its own; what they look like is the reader's choice. */
function lookOf({ stylize, breakLength = Infinity }: InspectOptions, columns = Infinity): RenderOptions {
  const style = (name: string) => (text: string) => stylize(text, name);
  const paint: Paint = {
    heading: style('name'),
    name: style('special'),
    type: style('string'),
    quiet: style('undefined'),
    good: style('string'),
    warning: style('number'),
    bad: style('regexp'),
    option: style('boolean'),
  };
  const width = Math.min(breakLength, columns);
  return { paint, width: width === Infinity ? undefined : width };
}
