/** What a test file does when its runner uses worker threads: they share the process's mount namespace. */
import { parentPort, workerData } from 'node:worker_threads';
import { restoreTreeSync } from 'mountyard';
import { otherFilesystems } from './filesystems.mjs';
import { DATA } from './trees.mjs';

const restored = restoreTreeSync(DATA, { standIn: 'all', into: { at: workerData } });
parentPort.postMessage(otherFilesystems(workerData).map((path) => path.slice(workerData.length)));
restored.release();
