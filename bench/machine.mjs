/** What the figures were measured on; nothing that names the machine. */
import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, release, totalmem } from 'node:os';

export function machine() {
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    memory: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    node: process.version,
    load: Number(readFileSync('/proc/loadavg', 'utf8').split(' ')[0]),
  };
}

export function machineText({ machine, clock }) {
  const { cpu, cores, memory, kernel, node, load } = machine;
  const times = clock === 'cpu' ? 'the time of processors' : 'the time that passed';
  return `${cpu}, ${cores} cores, ${memory} GiB, Linux ${kernel}, Node ${node}; load ${load} at the start; ${times}`;
}
