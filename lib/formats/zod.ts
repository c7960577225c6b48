import { createRequire } from 'node:module';
import type { z } from 'zod';

type Zod = typeof z;

/**
 * A schema that is made when it is first asked for. zod comes in a hundred files, which would be most of what importing
 * mountyard reads, opens more of them at once than a small RLIMIT_NOFILE allows, and is needed for JSON alone.
 */
export function lazySchema<T>(make: (z: Zod) => T): () => T {
  let made: T | undefined;
  return () => {
    made ??= make(load());
    return made;
  };
}

/** By require, because a schema is needed at once, and `import()` gives a promise. */
function load(): Zod {
  const require = createRequire(import.meta.url);
  return (require('zod') as typeof import('zod')).z;
}
