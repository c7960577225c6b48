import { dirname, join } from 'node:path';

/** Beside the addon of the test build: see without-calls.cpp. */
export const LAUNCHER = join(dirname(process.env.MOUNTYARD_ADDON ?? ''), 'without-calls');
