/** Mountinfo of a root with `count` mounts side by side. */
export function wideTable(count: number): string {
  const lines = Array.from(
    { length: count },
    (_, i) => `${i + 2} 1 0:2 /d${i} /m${i} rw,relatime - tmpfs disk rw`,
  );
  return [
    '1 0 0:1 / / rw,relatime - tmpfs root rw',
    ...lines,
    `${count + 2} 1 0:2 / /all rw - tmpfs disk rw`,
    '',
  ].join('\n');
}

/** Mountinfo of `depth` mounts, each on the one before, all at one place. */
export function stackTable(depth: number): string {
  const lines = Array.from(
    { length: depth },
    (_, i) => `${i + 2} ${i + 1} 0:${i % 2 === 0 ? 2 : 3} / /s rw,relatime - tmpfs t${i % 2} rw`,
  );
  return ['1 0 0:1 / / rw,relatime - tmpfs root rw', ...lines, ''].join('\n');
}

/** Mountinfo of `depth` mounts, each in a directory of the one before. */
export function deepTable(depth: number): string {
  const lines = Array.from(
    { length: depth },
    (_, i) => `${i + 2} ${i + 1} 0:${i + 2} / ${'/d'.repeat(i + 1)} rw,relatime - tmpfs t rw`,
  );
  return ['1 0 0:1 / / rw,relatime - tmpfs root rw', ...lines, ''].join('\n');
}
