/** How trees and results print at the REPL: `util.inspect` asks a value for its text by a well-known symbol. */
import type { MountTree } from '../model/tree.ts';
import type { Paint, RenderOptions } from './paint.ts';
import { type Outcome, renderReport } from './report.ts';
import { renderTree } from './tree.ts';

/** What `util.inspect` hands to a value's own inspector, as far as it is used here. */
interface InspectOptions {
  readonly stylize: (text: string, style: string) => string;
  readonly breakLength?: number;
}

const CUSTOM = Symbol.for('nodejs.util.inspect.custom');

/** Gives the instances of each class their text. */
export function installInspectors(classes: {
  readonly MountTree: { readonly prototype: MountTree };
  readonly RestoredTree: { readonly prototype: Outcome & { readonly tree: MountTree } };
}): void {
  install(classes.MountTree.prototype, renderTree);
  install(
    classes.RestoredTree.prototype,
    (restored, look) => `${renderTree(restored.tree, look)}\n\n${renderReport(restored, look)}`,
  );
}

function install<T extends object>(prototype: T, render: (value: T, look: RenderOptions) => string): void {
  Object.defineProperty(prototype, CUSTOM, {
    configurable: true,
    value(this: T, depth: number, options: InspectOptions): string {
      return depth < 0 ? `[${this.constructor.name}]` : render(this, lookOf(options));
    },
  });
}

/** The styles are those that Node gives to values of its own; what they look like is the reader's choice. */
function lookOf({ stylize, breakLength }: InspectOptions): RenderOptions {
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
  return { paint, width: breakLength === undefined || breakLength === Infinity ? undefined : breakLength };
}
