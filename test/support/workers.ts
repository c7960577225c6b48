import { Worker } from 'node:worker_threads';

/** The first message of each of some worker threads that run the same code at once. */
export function answersOfWorkers(count: number, code: string, workerData?: unknown): Promise<unknown[]> {
  const answers = Array.from({ length: count }, async () => {
    const worker = new Worker(code, { eval: true, workerData });
    const answer = await new Promise((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
    });
    await worker.terminate();
    return answer;
  });
  return Promise.all(answers);
}
