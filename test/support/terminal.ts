import { spawn } from 'node:child_process';
import xterm from '@xterm/headless';

const COLUMNS = 80;
/** Enough that nothing scrolls away in a test. */
const ROWS = 200;
const PATIENCE = 15_000;

/** A command in a pseudo-terminal of 80 columns, that what it prints is seen of as a person would. */
export class Terminal implements AsyncDisposable {
  readonly #screen = new xterm.Terminal({ cols: COLUMNS, rows: ROWS, allowProposedApi: true });
  readonly #command: ReturnType<typeof spawn>;
  readonly #ended: Promise<unknown>;

  constructor(command: string, options: { readonly cwd: string; readonly env: NodeJS.ProcessEnv }) {
    // script(1) is the pseudo-terminal; it hands on what it is given.
    const inside = `stty cols ${COLUMNS} rows ${ROWS} && exec ${command}`;
    this.#command = spawn('script', ['--quiet', '--flush', '--return', '--command', inside, '/dev/null'], {
      ...options,
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#ended = new Promise((resolve) => this.#command.once('exit', resolve));
    this.#command.stdout?.on('data', (bytes: Buffer) => this.#screen.write(bytes));
  }

  type(text: string): void {
    this.#command.stdin?.write(text);
  }

  /** The screen's lines, without the empty ones at its end; what is coloured is between `«` and `»`. */
  lines(): string[] {
    const buffer = this.#screen.buffer.active;
    const lines = Array.from({ length: ROWS }, (_, row) => textOf(buffer.getLine(row)));
    return lines.slice(0, lines.findLastIndex((line) => line !== '') + 1);
  }

  /** Waits until the screen is as `wanted`. */
  async until(wanted: (lines: readonly string[]) => boolean): Promise<void> {
    for (const start = Date.now(); !wanted(this.lines()); ) {
      if (Date.now() - start > PATIENCE) throw new Error(`it never came:\n${this.lines().join('\n')}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#command.kill('SIGKILL'); // its end hangs up on what runs in it
    await this.#ended;
    this.#screen.dispose();
  }
}

type Line = ReturnType<xterm.Terminal['buffer']['active']['getLine']>;

function textOf(line: Line): string {
  let text = '';
  let coloured = false;
  for (let column = 0; line && column < COLUMNS; column += 1) {
    const cell = line.getCell(column);
    const isColoured = cell !== undefined && !cell.isFgDefault();
    if (isColoured !== coloured) text += isColoured ? '«' : '»';
    coloured = isColoured;
    text += cell?.getChars() || ' ';
  }
  return (coloured ? `${text}»` : text).trimEnd();
}
