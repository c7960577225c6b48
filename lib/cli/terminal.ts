import { styleText } from 'node:util';
import type { Paint, RenderOptions } from '../render/paint.ts';

type Format = Parameters<typeof styleText>[0];

/** Standard output and standard error: results go to the first, everything else to the second. */
export interface Terminal {
  /** How to render for each: colours and a width only where it is a terminal. */
  readonly resultLook: RenderOptions;
  readonly noteLook: RenderOptions;
  /** A text gets its newline, when it has none. */
  result(text: string | Uint8Array): void;
  note(text: string): void;
}

export function openTerminal(): Terminal {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', ignoreClosedPipe);
  return {
    resultLook: lookOf(process.stdout),
    noteLook: lookOf(process.stderr),
    result(text) {
      process.stdout.write(text);
      if (typeof text === 'string' && !text.endsWith('\n')) process.stdout.write('\n');
    },
    note(text) {
      process.stderr.write(`${text}\n`);
    },
  };
}

/** Whoever reads may stop reading; the command ends as it would have. */
function ignoreClosedPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error;
}

function lookOf(stream: NodeJS.WriteStream): RenderOptions {
  if (!stream.isTTY) return {};
  const colours = (process.env.NO_COLOR ?? '') === '' && stream.hasColors();
  return { width: stream.columns, paint: colours ? PAINT : undefined };
}

function style(format: Format): (text: string) => string {
  return (text) => styleText(format, text);
}

const PAINT: Paint = {
  heading: style('bold'),
  name: style('cyan'),
  type: style('blue'),
  quiet: style('dim'),
  good: style('green'),
  warning: style('yellow'),
  bad: style('red'),
  option: style('bold'),
};
