/** What the kernel charges for the calls of a program, one by one. */
import { OPCODE } from '../dist/program/format.js';
import { pathOf, reading, run } from './processes.mjs';
import { figure, grouped, table } from './report.mjs';

const NAMES = new Map(Object.entries(OPCODE).map(([name, code]) => [code, name]));
const MOST = 10_000;
/** What is made but a few times says nothing. */
const FEW = 100;

/** @returns {{call: string, calls: number, microseconds: number}[]} microseconds of one call, in the mean. */
export function chargesOf(program, clock) {
  const lines = run(pathOf('out/replay'), [program, 'each', '/proc']).trim().split('\n');
  return lines.map((line) => {
    const [code, calls, wall, cpu] = line.split(' ').map(Number);
    return { call: NAMES.get(code), calls, microseconds: reading(clock)({ wall, cpu }) / calls / 1000 };
  });
}

/** A column for each tree, at the largest size that was measured up to 10,000. */
export function chargesTable(rows) {
  const trees = new Map();
  for (const row of rows) if (row.mounts <= MOST) trees.set(row.tree, row);
  const often = [...trees.values()].flatMap(({ charges }) => charges.filter(({ calls }) => calls >= FEW));
  const names = [...new Set(often.map(({ call }) => call))];
  const columns = [...trees.values()].map(({ tree, mounts, charges }) => ({
    name: `${tree} ${grouped(mounts)}`,
    align: 'r',
    of: (name) => chargeText(charges.find(({ call }) => call === name)),
  }));
  const title = 'What the kernel charges for the calls: how many, and µs for one, in the mean';
  return table(title, [{ name: 'call', of: (name) => name }, ...columns], names);
}

function chargeText(charge) {
  return charge ? `${grouped(charge.calls)} × ${figure(charge.microseconds)}` : '';
}
