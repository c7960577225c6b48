import { type Cell, layOut } from './columns.ts';
import { lineText } from './escape.ts';
import { NO_PAINT, type RenderOptions } from './paint.ts';

/** An option that would meet a requirement, worked out from the host's mount table. */
export interface Proposed {
  /** As typed on the command line. */
  readonly cli: string;
  readonly because: string;
}

/** The options to add, one a line, each with its reason as a comment: made to be pasted. */
export function renderProposals(proposals: readonly Proposed[], options: RenderOptions = {}): string {
  const rows = proposals.map(({ cli, because }): Cell[] => [
    { text: lineText(cli), role: 'option' },
    { text: `# ${lineText(because)}`, role: 'quiet' },
  ]);
  return layOut(rows, options.paint ?? NO_PAINT).join('\n');
}
