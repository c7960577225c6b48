import { native, type RunRequest, type RunResult } from '../../lib/system/calls/native.ts';
import {
  type Executed,
  type ExecuteOptions,
  type Execution,
  StartedExecution,
} from '../../lib/system/restore/execute.ts';

/** Runs a program while JavaScript goes on; what came of it. */
export async function runAsync(request: RunRequest): Promise<RunResult> {
  const { over, take } = native.start(request);
  await over;
  return take() as RunResult;
}

/** Runs a compiled restore in the same way. */
export async function execute(execution: Execution, options?: ExecuteOptions): Promise<Executed> {
  using started = new StartedExecution(execution, options);
  await started.run.over;
  return started.take() as Executed;
}
