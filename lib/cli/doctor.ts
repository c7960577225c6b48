import type { Command } from 'commander';
import { renderDoctor } from '../render/doctor.ts';
import type { Session } from './session.ts';

export function addDoctor(program: Command, session: Session): void {
  program
    .command('doctor')
    .description('says what this kernel and this user can do, and what mountyard will use')
    .option('--json', 'prints it as JSON')
    .action(async ({ json }: { json?: true }) => {
      const { probe } = await import('../system/inspect/probe.ts');
      const capabilities = probe();
      const { terminal } = session;
      terminal.result(json ? JSON.stringify(capabilities) : renderDoctor(capabilities, terminal.resultLook));
    });
}
