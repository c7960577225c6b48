/** Reading and writing files that are open, whose refusals are errors as those of every other call. */
import { readSync, writeSync } from 'node:fs';
import { atOnce, type Pausing } from '../../model/pausing.ts';
import { refusal } from './arguments.ts';
import { type Fd, fdNumber, fdText } from './fd.ts';

/** Most files of /proc are shorter than a page, mount tables can have megabytes. */
const FIRST_CHUNK = 1 << 12;
const LARGEST_CHUNK = 1 << 17;

/** Reads a file from its start to its end: a file of /proc tells no size. @throws {MountError} */
export function readWhole(file: Fd): Buffer {
  return atOnce(reading(file));
}

/** {@link readWhole}, with pauses. */
export function* reading(file: Fd): Pausing<Buffer> {
  const full: Buffer[] = [];
  let chunk = Buffer.allocUnsafe(FIRST_CHUNK);
  let used = 0;
  for (let position = 0; ; ) {
    const size = readInto(file, chunk.subarray(used), position);
    if (size === 0) return Buffer.concat([...full, chunk.subarray(0, used)]);
    position += size;
    used += size;
    if (used < chunk.length) continue;
    yield;
    full.push(chunk);
    chunk = Buffer.allocUnsafe(LARGEST_CHUNK);
    used = 0;
  }
}

/** Reads once, at a position or where the file is; how much there was. @throws {MountError} */
export function readInto(file: Fd, into: Buffer, position: number | null = null): number {
  const syscall = position === null ? 'read' : 'pread64';
  return refusing(syscall, file, () => readSync(fdNumber(file), into, 0, into.length, position));
}

/** Writes a text with one call. `asked`: what it is for, in front of the message. @throws {MountError} */
export function writeText(file: Fd, text: string, asked?: string): void {
  refusing('write', file, () => writeSync(fdNumber(file), text), asked);
}

/** What Node throws of its own carries the errno and nothing of what the file is. */
function refusing<T>(syscall: string, file: Fd, work: () => T, asked?: string): T {
  try {
    return work();
  } catch (error) {
    const { errno } = error as NodeJS.ErrnoException;
    if (errno === undefined) throw error;
    throw refusal(errno, { syscall, arguments: [fdText(file)] }, asked);
  }
}
