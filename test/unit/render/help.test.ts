import { expect, test } from 'vitest';
import * as mountyard from '../../../lib/index.ts';

const screen = String(mountyard.help());

test('fits a terminal of 24 lines of 80 columns, with the prompt', () => {
  const lines = screen.split('\n');
  expect(lines.length).toBeLessThan(24);
  expect(lines.filter((line) => line.length > 79)).toEqual([]);
});

test('names only what there is', () => {
  const functions = [...screen.matchAll(/(?<![.\w])(?:sys\.)?([a-z]\w+)\(/g)].map(([call]) => call);
  expect(functions.length).toBeGreaterThan(15);
  const missing = functions.filter((call) => {
    const [, sys, name = ''] = /^(sys\.)?(\w+)\($/.exec(call) ?? [];
    return typeof (sys ? mountyard.sys : mountyard)[name as never] !== 'function';
  });
  expect(missing).toEqual([]);
});

test('everything that promises has a synchronous form', () => {
  const { MountNamespace } = mountyard;
  const isAsync = (value: unknown) => value instanceof Function && value.constructor.name === 'AsyncFunction';
  const methods = Object.getOwnPropertyNames(MountNamespace.prototype).filter((name) => {
    const { value } = Object.getOwnPropertyDescriptor(MountNamespace.prototype, name) ?? {};
    return isAsync(value) || `${name}Sync` in MountNamespace.prototype;
  });
  expect(methods.sort()).toEqual(['pin', 'restore', 'run', 'spawn']);
  for (const name of methods) expect(MountNamespace.prototype).toHaveProperty(`${name}Sync`);
  const functions = Object.entries(mountyard).filter(([, value]) => isAsync(value));
  expect(functions.map(([name]) => name)).toEqual(['restoreTree']);
  expect(mountyard).toHaveProperty('restoreTreeSync');
  expect(Object.values(mountyard.sys).filter(isAsync)).toEqual([]);
});

test('names methods that the classes have', () => {
  const { MountNamespace, RestoredTree } = mountyard;
  for (const name of ['create', 'current', 'of', 'open']) expect(MountNamespace).toHaveProperty(name);
  for (const name of ['spawn', 'spawnSync', 'capture', 'restoreSync', 'pin', 'pinSync', 'close'])
    expect(MountNamespace.prototype).toHaveProperty(name);
  expect(RestoredTree.prototype).toHaveProperty('release');
});
