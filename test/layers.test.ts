import { readdirSync, readFileSync } from 'node:fs';
import { dirname, posix, relative } from 'node:path';
import ts from 'typescript';
import { describe, expect, test } from 'vitest';

/** DESIGN's table: what each folder may import besides itself and the leaves. */
const MAY_IMPORT: Record<string, readonly string[]> = {
  leaf: [],
  model: [],
  formats: ['model'],
  plan: ['model'],
  program: ['model', 'plan'],
  system: ['model', 'formats', 'plan', 'program'],
  render: ['model', 'plan', 'program'],
  cli: ['model', 'formats', 'plan', 'program', 'system', 'render'],
  index: ['model', 'formats', 'plan', 'program', 'system', 'render'],
};
/** The same of the folders in `lib/system`; a namespace is restored into, and a restore makes one. */
const SYSTEM_MAY_IMPORT: Record<string, readonly string[]> = {
  calls: [],
  capture: ['calls'],
  namespaces: ['calls', 'capture', 'restore'],
  inspect: ['calls', 'capture', 'namespaces'],
  restore: ['calls', 'capture', 'namespaces', 'inspect'],
};
const LEAVES = ['lib/errors.ts', 'lib/flags.ts'];
const INDEXES = ['lib/index.ts', 'lib/sys.ts'];
const MAY_USE_NODE = ['system', 'cli'];
/** What loads a package only when it is needed. */
const LOADERS: Record<string, string> = { 'lib/formats/zod.ts': 'node:module' };
const PACKAGES: Record<string, readonly string[]> = {
  formats: ['zod'],
  cli: ['commander'],
  system: ['node-gyp-build'],
};

/** What stands higher may be included by what stands lower. */
const NATIVE_ORDER = ['sys', 'program', 'host', 'binding'];

function filesBelow(folder: string, extension: RegExp): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => extension.test(name))
    .map((name) => posix.join(folder, name))
    .sort();
}

function folderOf(file: string): string {
  if (LEAVES.includes(file)) return 'leaf';
  if (INDEXES.includes(file)) return 'index';
  return file.split('/')[1] ?? '';
}

/** Everything that a file imports, re-exports, imports lazily or names in a type. */
function importsOf(file: string): string[] {
  const source = readFileSync(file, 'utf8');
  return ts.preProcessFile(source, true, true).importedFiles.map((imported) => imported.fileName);
}

/** Why the import is not allowed; `undefined` when it is. */
function climb(file: string, imported: string): string | undefined {
  const folder = folderOf(file);
  if (imported.startsWith('node:')) {
    return MAY_USE_NODE.includes(folder) || LOADERS[file] === imported
      ? undefined
      : `${folder} may not use ${imported}`;
  }
  if (!imported.startsWith('.')) {
    return PACKAGES[folder]?.includes(imported) ? undefined : `${folder} may not use the package ${imported}`;
  }
  const target = posix.join(dirname(file), imported);
  const to = folderOf(target);
  if (to === 'system' && folder === 'system') return climbInSystem(file, target);
  if (to === folder || to === 'leaf') return undefined;
  return MAY_IMPORT[folder]?.includes(to) ? undefined : `${folder} may not import ${to}`;
}

function climbInSystem(file: string, target: string): string | undefined {
  const [from = '', to = ''] = [file, target].map((path) => path.split('/')[2]);
  if (from === to || SYSTEM_MAY_IMPORT[from]?.includes(to)) return undefined;
  return `system/${from} may not import system/${to}`;
}

describe('lib', () => {
  const files = filesBelow('lib', /\.ts$/);

  test('every file lies in a folder of the table', () => {
    expect(files.filter((file) => MAY_IMPORT[folderOf(file)] === undefined)).toEqual([]);
  });

  test('no import climbs', () => {
    const climbs = files.flatMap((file) =>
      importsOf(file).flatMap((imported) => {
        const reason = climb(file, imported);
        return reason ? [`${file}: ${imported}: ${reason}`] : [];
      }),
    );
    expect(climbs).toEqual([]);
  });

  test('the rule sees what climbs', () => {
    expect(climb('lib/model/tree.ts', '../plan/plan.ts')).toBe('model may not import plan');
    expect(climb('lib/plan/restore.ts', 'node:fs')).toBe('plan may not use node:fs');
    expect(climb('lib/system/calls/fd.ts', '../capture/table.ts')).toBe(
      'system/calls may not import system/capture',
    );
    expect(climb('lib/render/tree.ts', '../system/calls/native.ts')).toBe('render may not import system');
    expect(climb('lib/model/tree.ts', 'zod')).toBe('model may not use the package zod');
    expect(climb('lib/errors.ts', './flags.ts')).toBeUndefined();
    expect(climb('lib/index.ts', './cli/main.ts')).toBe('index may not import cli');
  });
});

describe('native', () => {
  const files = filesBelow('native', /\.(?:h|cc|cpp|inc)$/);

  function includesOf(file: string): string[] {
    const source = readFileSync(file, 'utf8');
    return [...source.matchAll(/^[ \t]*#[ \t]*include[ \t]+[<"]([^>"]+)[>"]/gm)].map(
      (match) => match[1] ?? '',
    );
  }

  /** The place in NATIVE_ORDER of what is included by quotes; -1 for a system header. */
  function levelOf(file: string, included: string): number {
    const candidates = [posix.join(dirname(file), included), posix.join('native', included)];
    const found = candidates.find((candidate) => files.includes(candidate));
    return found ? NATIVE_ORDER.indexOf(relative('native', found).split('/')[0] ?? '') : -1;
  }

  test('no include climbs: sys ← program ← host ← binding', () => {
    const climbs = files.flatMap((file) => {
      const own = NATIVE_ORDER.indexOf(relative('native', file).split('/')[0] ?? '');
      return includesOf(file)
        .filter((included) => levelOf(file, included) > own)
        .map((included) => `${file} includes ${included}`);
    });
    expect(climbs).toEqual([]);
  });

  test('napi.h is included in native/binding only', () => {
    const users = files.filter((file) =>
      includesOf(file).some((name) => /^(?:napi|node_api|uv|v8)/.test(name)),
    );
    expect(users.filter((file) => !file.startsWith('native/binding/'))).toEqual([]);
  });
});
