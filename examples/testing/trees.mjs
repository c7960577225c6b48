/** Trees as tests want them: a few lines of mountinfo, as a bug report or `cat /proc/self/mountinfo` has them. */
import { parseMountinfo } from 'mountyard';

export const DATA = parseMountinfo(`\
1 0 0:1 / / rw,relatime - tmpfs root rw
2 1 0:2 / /data rw,relatime shared:1 - tmpfs data rw
3 2 0:3 / /data/cache rw,nosuid,nodev,relatime - tmpfs cache rw,size=64k
4 1 0:2 / /view ro,relatime shared:1 - tmpfs data rw
`);
