import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { MAIN } from './mountyard.ts';

const PROJECT = join(import.meta.dirname, '../..');
const PAGES = ['README.md', ...readdirSync(join(PROJECT, 'docs')).map((name) => `docs/${name}`)].filter(
  (name) => name.endsWith('.md'),
);

const folder = mkdtempSync(join(tmpdir(), 'mountyard-docs-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
writeFileSync(join(folder, 'mountyard'), `#!/bin/sh\nexec '${process.execPath}' '${MAIN}' "$@"\n`);
chmodSync(join(folder, 'mountyard'), 0o755);

interface Block {
  readonly page: string;
  readonly line: number;
  /** What follows the three backquotes: a language, and perhaps the file that the block shows. */
  readonly info: string;
  readonly text: string;
}

const blocks = PAGES.flatMap(blocksOf);

function blocksOf(page: string): Block[] {
  const text = readFileSync(join(PROJECT, page), 'utf8');
  return [...text.matchAll(/^```(\S.*)\n([\s\S]*?)^```$/gm)].map(({ 1: info = '', 2: body = '', index }) => ({
    page,
    line: text.slice(0, index).split('\n').length,
    info,
    text: body,
  }));
}

/** At Node's REPL; others are commands in a shell. */
const isSession = ({ info, text }: Block) => info === 'console' && text.startsWith('> ');

const named = (wanted: (block: Block) => boolean) =>
  blocks.filter(wanted).map((block) => [`${block.page}:${block.line}`, block] as const);

/** A command's output, and whatever it did to mounts gone with its namespace. */
function run(command: string) {
  const { status, stdout, stderr } = spawnSync('unshare', ['--mount', 'sh', '-c', command], {
    cwd: PROJECT,
    encoding: 'utf8',
    env: { ...process.env, PATH: `${folder}:${process.env.PATH}`, NO_COLOR: '1' },
  });
  return { status, out: stdout, text: `${stdout}${stderr}` };
}

describe('a program in the documentation runs', () => {
  test.each(named(({ info }) => info === 'js'))('%s', (_name, { text }) => {
    const program = join(PROJECT, 'build', `documented-${process.pid}.mjs`);
    writeFileSync(program, text);
    try {
      expect(run(`'${process.execPath}' '${program}'`)).toMatchObject({ status: 0 });
    } finally {
      rmSync(program);
    }
  });
});

describe('a command in the documentation prints what is shown', () => {
  test.each(named((block) => block.info === 'console' && !isSession(block)))('%s', (_name, { text }) => {
    for (const session of text.split(/^\$ /m).slice(1)) {
      const end = session.search(/(?<!\\)\n/); // a backslash continues the line
      expect(run(session.slice(0, end)).text).toMatch(patternOf(session.slice(end + 1)));
    }
  });
});

describe('a session in the documentation goes as shown', () => {
  test.each(PAGES.filter((page) => blocks.some((block) => block.page === page && isSession(block))))(
    '%s',
    (page) => {
      const sessions = blocks.filter((block) => block.page === page && isSession(block));
      const entries = sessions.flatMap(({ text }) => text.split(/^> /m).slice(1).map(splitEntry));
      const lines = ['Error.stackTraceLimit = 0', ...entries.map(({ line }) => line), '.exit'];
      const input = lines.map((line) => `${line}\n`).join('');
      const { status, out } = run(`'${process.execPath}' -i <<'EOF'\n${input}EOF\n`);
      expect(status).toBe(0);
      const answers = out.split(/^(?:> )+/m).slice(2, -1);
      expect(answers).toHaveLength(entries.length);
      for (const [i, { shown }] of entries.entries()) {
        if (shown !== '') expect(answers[i]).toMatch(patternOf(shown));
        else expect(answers[i]).not.toContain('Uncaught');
      }
    },
  );
});

/** What is typed, on one line, and what is answered. */
function splitEntry(entry: string): { readonly line: string; readonly shown: string } {
  const end = entry.indexOf('\n');
  return { line: entry.slice(0, end), shown: entry.slice(end + 1) };
}

/** `…` on a line of its own stands for any lines, within a line for anything in it; so do numbers for each other. */
function patternOf(shown: string): RegExp {
  const lines = shown
    .trimEnd()
    .split('\n')
    .map((line) => {
      if (line === '…') return '[^]*';
      return line
        .split(/(…|\d+(?:\.\d+)?| {2,})/)
        .map(partPattern)
        .join('');
    });
  return new RegExp(`^${lines.join('\\n')}\\n?$`.replaceAll('\\n[^]*', '[^]*').replaceAll('[^]*\\n', '[^]*'));
}

function partPattern(part: string): string {
  if (part === '…') return '.*';
  if (/^\d/.test(part)) return '\\d+(?:\\.\\d+)?';
  return /^ {2,}$/.test(part) ? ' +' : part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

test.each(named(({ info }) => info.includes(' ')))('%s shows its file as it is', (_name, { info, text }) => {
  const [, path = ''] = info.split(' ');
  expect(readFileSync(join(PROJECT, path), 'utf8')).toContain(text);
});
