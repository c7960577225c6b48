const ENDING: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/** Resolves when standard input ends or closes, or a signal asks the process to end. */
export async function untilReleased(): Promise<void> {
  const { stdin } = process;
  await new Promise<void>((resolve) => {
    const release = (): void => {
      for (const signal of ENDING) process.off(signal, release);
      for (const event of ['end', 'close', 'error']) stdin.off(event, release);
      stdin.destroy();
      resolve();
    };
    for (const signal of ENDING) process.on(signal, release);
    for (const event of ['end', 'close', 'error']) stdin.on(event, release);
    stdin.resume();
  });
}
