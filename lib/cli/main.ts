#!/usr/bin/env node
import { createRequire } from 'node:module';
import type * as command from './run.ts';

// By require, which reads one file after the other: `import` opens more at once than a small RLIMIT_NOFILE allows.
const { run } = createRequire(import.meta.url)('./run.js') as typeof command;

process.exitCode = await run(process.argv.slice(2));
