/** One screen of what there is, for who has just typed `const y = require('mountyard')`. */

const SCREEN = `\
Reading
  captureTree()                 the tree around you; ({ pid }), ({ ns: FILE })
  parseMountinfo(text)          from /proc/PID/mountinfo; parseSnapshot(json)
  formatMountinfo(tree)         and back; formatSnapshot({namespaces: [tree]})
  tree.at('/proc')              one mount; tree.mounts, tree.subtree(mount)
Restoring
  restoreTreeSync(tree, {…})    builds it, reads it back; restoreTree promises
  restored.release()            ends it; .tree .differences .report .namespace
  requirements(tree, {…})       what only the host can give, by which option
  planRestore(tree, {…}, inspectHost(tree, {…}))    the steps, and nothing done
  listProgram(compileRestore(plan))                 the very calls
  {…}: root external recursive slaves standIn fresh skip into userNamespace
Comparing
  diffTrees(a, b)               [] when they are the same
Namespaces
  MountNamespace.create()       .current() .of(pid) .open(path)
  namespace.spawnSync('ls')     .spawn .capture() .restoreSync(tree) .close()
  namespace.pinSync(path)       .pin; MountNamespace.unpin(path)
Calls, in this very thread
  sys.mount('t', '/mnt', { type: 'tmpfs' })     sys.bind('/a', '/b')
  sys.makeShared('/b')  sys.makeSlave('/b')     sys.umount('/b', ['DETACH'])
  sys.unshare(['NEWNS'])                        probe(): what works here`;

/** A text that prints as itself at the REPL. */
export class Help {
  toString(): string {
    return SCREEN;
  }
}

/** What there is, in a screen: `y.help()` at the REPL, `String(help())` elsewhere. */
export function help(): Help {
  return new Help();
}
