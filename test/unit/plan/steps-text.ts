import { attributeWords, MOUNT_ATTR } from '../../../lib/flags.ts';
import type { Step, StepOf } from '../../../lib/plan/steps/steps.ts';

/** A step in one line: its kind and what is essential of it, without its reason. */
export function stepText(step: Step): string {
  switch (step.kind) {
    case 'make-filesystem':
      return `make-filesystem ${step.origin}`;
    case 'clone-source':
      return `clone-source ${step.origin} = ${step.of === 'mount' ? 'mount of ' : ''}${step.source}${step.recursive ? ' and below' : ''}`;
    case 'make-node':
      return `make-${step.node} ${step.origin}:${step.path}`;
    case 'set-mode':
      return `set-mode ${step.origin}:${step.path} ${step.mode.toString(8)}`;
    case 'make-device':
      return `make-device ${step.origin}:${step.path} ${step.major}:${step.minor} ${step.permissions.toString(8)}`;
    case 'make-link':
      return `make-link ${step.origin}:${step.path} -> ${step.target}`;
    case 'clone': {
      const words = attributeWords(step.attributes).filter((word) => word !== 'rw' && word !== 'relatime');
      const strict = step.attributes & MOUNT_ATTR.STRICTATIME ? ['strictatime'] : [];
      const rest = [
        ...words,
        ...strict,
        ...(step.unbindable ? ['unbindable'] : []),
        ...(step.idmap ? ['idmap'] : []),
      ];
      return [`${step.take ? 'take' : 'clone'} #${step.mount} = ${step.origin}:${step.path}`, ...rest].join(
        ' ',
      );
    }
    case 'clone-image':
      return `clone-image #${step.mount} = #${step.of}`;
    case 'make-mount-point':
      return `make-mount-point ${step.origin}:${step.path} (${step.node})`;
    case 'place':
      return `place #${step.mount} on #${step.parent} at ${step.path === '' ? 'its root' : step.path}`;
    case 'share-source':
      return `share-source ${step.source} (was ${step.before})`;
    case 'make-group':
      return `make-group ${groupText(step)}`;
    case 'share':
      return `share #${step.mount} ${step.path}`.trimEnd();
    case 'start-group': {
      const { from, mount, group, master, shared } = step;
      const origin = from ? ` ${from.take ? 'taking' : 'from'} origin ${from.origin}` : '';
      const follows = master === undefined ? '' : `, slave of ${master}`;
      return `start-group ${group} with #${mount}${origin}${follows}${shared ? ', shared' : ''}`;
    }
    case 'clone-member':
      return `clone-member #${step.mount} of ${step.group}`;
    case 'set-group':
      return `set-group #${step.mount} to ${step.group}`;
    case 'rename':
      return `rename ${step.origin}:${step.from} -> ${step.to}`;
    case 'link':
      return `link ${step.origin}:${step.from} -> ${step.to}`;
    case 'delete':
      return `delete-${step.node} ${step.origin}:${step.path}`;
    case 'superblock-read-only':
      return `superblock-read-only ${step.origin}`;
    case 'become-root':
      return `become-root #${step.mount}`;
    case 'make-destination-private':
      return `make-destination-private ${step.at}`;
    case 'drop-old-root':
    case 'open-yard':
    case 'go-home':
      return step.kind;
    case 'lift':
      return `lift #${step.mount}`;
    case 'enter-namespace':
      return step.kind;
    case 'replace-root':
      return `replace-root #${step.mount}${step.leavesGroup ? ' leaves-group' : ''}`;
    case 'attach':
      return `attach #${step.mount} at ${step.at}`;
  }
}

function groupText(step: StepOf<'make-group'>): string {
  const from = !step.from
    ? step.master
    : 'origin' in step.from
      ? `origin ${step.from.origin}`
      : `mount of ${step.from.mountOf}`;
  return [
    `${step.group} from ${from}`,
    ...(step.master === undefined ? [] : [`slave of ${step.master}`]),
    ...(step.followsHost ? ['follows host'] : []),
    ...(step.shared ? ['shared'] : []),
  ].join(', ');
}
