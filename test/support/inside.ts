import * as sys from '../../lib/sys.ts';
import { MountNamespace } from '../../lib/system/namespaces/namespace.ts';

/**
 * Runs `work` on the test's main thread inside a mount namespace, where nothing but the kernel's calls and
 * synchronous fs is needed: a tree of tmpfs has no commands. Only this thread moves, and it comes back.
 */
export function inside<T>(namespace: MountNamespace, work: () => T): T {
  const cwd = process.cwd();
  using own = MountNamespace.current();
  sys.unshare(['FS']); // a thread that shares its root with others may not enter
  sys.setns(namespace.fd, ['NEWNS']);
  try {
    return work();
  } finally {
    sys.setns(own.fd, ['NEWNS']);
    process.chdir(cwd);
  }
}
