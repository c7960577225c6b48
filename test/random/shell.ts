import { encodeBytes } from '../../lib/model/bytes.ts';
import type { Operation } from './operation.ts';

/** The command that does the same, for a shell in the namespace; what no command does is said in a comment. */
export function shellCommand(operation: Operation): string {
  switch (operation.do) {
    case 'mount': {
      const words = [...operation.flags.map(optionWord), ...operation.options.split(',')].filter(Boolean);
      const options = words.length > 0 ? ` -o ${words.join(',')}` : '';
      return `mkdir -p ${quoted(operation.at)}; mount -n -t ${operation.type}${options} ${quoted(operation.source)} ${quoted(operation.at)}`;
    }
    case 'bind':
      return `mount ${operation.recursive ? '--rbind' : '--bind'} ${quoted(operation.from)} ${quoted(operation.to)}`;
    case 'clone': {
      const { from, to, recursive, beneath, noFollow, idmapped } = operation;
      const notes = [noFollow && 'of symlinks themselves', idmapped && 'idmapped b:0:1000:10'].filter(
        Boolean,
      );
      const command = `mount ${beneath ? '--beneath ' : ''}${recursive ? '--rbind' : '--bind'} ${quoted(from)} ${quoted(to)}`;
      return notes.length > 0 ? `${command} # ${notes.join(', ')}` : command;
    }
    case 'move':
      return `mount --move ${quoted(operation.from)} ${quoted(operation.to)}`;
    case 'umount':
      return `umount ${operation.detach ? '--lazy ' : ''}${quoted(operation.at)}`;
    case 'attributes':
      return `mount -o remount,bind${operation.recursive ? '=recursive' : ''},${['rw', ...operation.set.map(optionWord)].join(',')} ${quoted(operation.at)}`;
    case 'superblock':
      return `mount -o remount,${operation.readOnly ? 'ro' : 'rw'} ${quoted(operation.at)} # by fspick(2): the superblock alone`;
    case 'propagation':
      return `mount --make-${operation.recursive ? 'r' : ''}${operation.as} ${quoted(operation.at)}`;
    case 'group':
      return `# move_mount(2) MOVE_MOUNT_SET_GROUP from ${quoted(operation.from)} to ${quoted(operation.to)}`;
    case 'node':
      return nodeCommand(operation);
    case 'own':
      return `chown ${operation.owner} ${quoted(operation.at)}; chmod ${operation.mode.toString(8)} ${quoted(operation.at)}`;
    case 'remove':
      return `rm -d ${quoted(operation.at)}`;
    case 'rename':
      return `mv -T ${quoted(operation.from)} ${quoted(operation.to)}${operation.outside ? ' # from another namespace' : ''}`;
    case 'link':
      return `ln ${quoted(operation.from)} ${quoted(operation.to)}`;
    case 'cover':
      return `mount -n -t tmpfs ${quoted(operation.source)} /`;
    case 'pivot':
      return `mkdir -p ${quoted(`${operation.at}/old`)}; pivot_root ${quoted(operation.at)} ${quoted(`${operation.at}/old`)}`;
    case 'unshare':
      return `unshare --mount --propagation ${operation.following ? 'slave' : 'unchanged'} # a further namespace`;
    case 'enter':
      return `# from here in namespace ${operation.namespace}`;
  }
}

function nodeCommand({ at, kind, mode }: Extract<Operation, { do: 'node' }>): string {
  const path = quoted(at);
  const bits = mode.toString(8);
  switch (kind) {
    case 'directory':
      return `mkdir -m ${bits} ${path}`;
    case 'file':
      return `touch ${path}; chmod ${bits} ${path}`;
    case 'fifo':
      return `mkfifo -m ${bits} ${path}`;
    case 'socket':
      return `# mknod(2) S_IFSOCK ${path}, mode ${bits}`;
    case 'symlink':
      return `ln -s /f ${path}`;
  }
}

const OPTION_WORDS: { readonly [flag: string]: string } = { RDONLY: 'ro', SYNCHRONOUS: 'sync' };

function optionWord(flag: string): string {
  return OPTION_WORDS[flag] ?? flag.toLowerCase();
}

function quoted(text: string): string {
  if (/^[\w/.-]+$/.test(text)) return text;
  const bytes = [...encodeBytes(text)].map((byte) =>
    byte >= 0x20 && byte < 0x7f && byte !== 0x27 && byte !== 0x5c
      ? String.fromCharCode(byte)
      : `\\x${byte.toString(16).padStart(2, '0')}`,
  );
  return `$'${bytes.join('')}'`;
}
