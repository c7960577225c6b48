import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The contents of commands and of the libraries that ldd(1) names, by path. */
export function commandFiles(...commands: readonly string[]): Map<string, Buffer> {
  const files = new Map<string, Buffer>();
  for (const command of commands) {
    // Under ThreadSanitizer ldd does not run.
    const env = { ...process.env, LD_PRELOAD: '' };
    const { stdout } = spawnSync('ldd', [command], { encoding: 'utf8', env });
    const libraries = [...stdout.matchAll(/(?:=> |^\s+)(\/\S+) \(/gm)].map(([, path]) => path as string);
    for (const path of [command, ...libraries]) files.set(path, readFileSync(path));
  }
  return files;
}

/** Writes them below a directory, so that they can be run with it as the root. */
export function install(root: string, files: ReadonlyMap<string, Buffer>): void {
  for (const [path, content] of files) {
    const copy = join(root, path);
    mkdirSync(dirname(copy), { recursive: true });
    writeFileSync(copy, content, { mode: 0o755 });
  }
}

/** What a child process printed, and how it ended. */
export async function outcomeOf(child: {
  readonly stdout: NodeJS.ReadableStream | null;
  once(event: 'close', listener: (status: number | null) => void): unknown;
}): Promise<{ readonly status: number | null; readonly out: string }> {
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  let out = '';
  for await (const chunk of child.stdout ?? []) out += String(chunk);
  return { status: await ended, out };
}
