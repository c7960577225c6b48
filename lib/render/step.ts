import { formatFlags, MOUNT_ATTR } from '../flags.ts';
import type { IdMap, OwnedNode } from '../model/mount.ts';
import type { GroupKey } from '../plan/groups/groups.ts';
import type { PlanView } from '../plan/plan.ts';
import type { Parameter } from '../plan/questions.ts';
import type { OriginId, Step } from '../plan/steps/steps.ts';
import { nameText } from './escape.ts';

/** What a step does, in a few words; its reason is the plan's own. */
export function stepText(step: Step, plan: PlanView): string {
  switch (step.kind) {
    case 'make-filesystem':
      return `make ${originText(plan, step.origin)}${parametersOf(plan, step.origin)}`;
    case 'clone-source':
      return step.of === 'path'
        ? `take ${originText(plan, step.origin)}${step.recursive ? ' and all below it' : ''}`
        : `take the mount of ${originText(plan, step.origin)}`;
    case 'make-node':
      return `make ${step.status?.kind ?? step.node} ${inOrigin(plan, step)}${statusText(step.status)}`;
    case 'set-mode':
      return `give ${inOrigin(plan, step)} mode ${step.mode.toString(8)}`;
    case 'make-device':
      return `make device ${step.major}:${step.minor} mode ${step.permissions.toString(8)} ${inOrigin(plan, step)}`;
    case 'make-link':
      return `make link ${inOrigin(plan, step)} → ${nameText(step.target)}`;
    case 'clone':
      return `${step.take ? 'take' : 'clone'} ${inOrigin(plan, step)} as ${mountText(plan, step.mount)}${cloneAttributes(step)}`;
    case 'clone-image':
      return `clone ${mountText(plan, step.of)} and all on it as ${mountText(plan, step.mount)}`;
    case 'make-mount-point':
      return `make ${step.node} ${inOrigin(plan, step)} for ${mountText(plan, step.mount)}`;
    case 'place': {
      const at = step.path === '' ? 'onto its root' : `at ${nameText(step.path)}`;
      return `place ${mountText(plan, step.mount)} on ${mountText(plan, step.parent)} ${at}`;
    }
    case 'share-source':
      return `share the host's mount of ${nameText(step.source)}`;
    case 'make-group':
      return `make group ${groupText(step.group)} ${groupOrigin(step, plan)}`;
    case 'start-group':
      return `${startText(step, plan)}${cloneAttributes(step)}`;
    case 'clone-member':
      return `clone ${mountText(plan, step.mount)} from ${groupText(step.group)}${cloneAttributes(step)}`;
    case 'set-group':
      return `set group ${groupText(step.group)} on ${mountText(plan, step.mount)}`;
    case 'share':
      return `make ${step.path === '' ? '' : `${nameText(step.path)} of `}${mountText(plan, step.mount)} shared`;
    case 'rename':
      return `rename ${nameText(step.from)} to ${nameText(step.to)} in ${originText(plan, step.origin)}`;
    case 'link':
      return `link ${nameText(step.from)} as ${nameText(step.to)} in ${originText(plan, step.origin)}`;
    case 'delete':
      return `delete ${step.node} ${inOrigin(plan, step)}`;
    case 'superblock-read-only':
      return `make ${originText(plan, step.origin)} read-only`;
    case 'become-root':
      return `make ${mountText(plan, step.mount)} the root of a new namespace`;
    case 'drop-old-root':
      return 'drop the old root';
    case 'open-yard':
      return 'open a yard in a private namespace';
    case 'lift':
      return `clone the tree at ${mountText(plan, step.mount)} as a whole`;
    case 'go-home':
      return "go back to the caller's namespace";
    case 'make-destination-private':
      return `bind ${nameText(step.at)} on itself and make it private`;
    case 'enter-namespace':
      return 'enter the namespace that the tree is for';
    case 'replace-root':
      return `make ${mountText(plan, step.mount)} the root in place of the old one`;
    case 'attach':
      return `attach ${mountText(plan, step.mount)} at ${nameText(step.at)}`;
  }
}

/** `#78 /dev`: a mount of the plan's target. */
function mountText(plan: PlanView, id: number): string {
  const mount = plan.target.tree.get(id);
  return mount ? `#${id} ${nameText(mount.mountPoint)}` : `#${id}`;
}

/** `tmpfs[3]`, or the host path: the number tells several of one type apart. */
function originText(plan: PlanView, id: OriginId): string {
  const origin = plan.origins[id];
  if (!origin) return `origin[${id}]`;
  return origin.kind === 'host' ? `host:${nameText(origin.source)}` : `${nameText(origin.type)}[${id}]`;
}

function inOrigin(plan: PlanView, at: { readonly origin: OriginId; readonly path: string }): string {
  return `${originText(plan, at.origin)}:${nameText(at.path)}`;
}

/** ` mode 1777 owner 1000:1000`, of what is not ordinary. */
function statusText(status: OwnedNode | undefined): string {
  if (!status) return '';
  if (status.kind === 'symlink') return ` → ${nameText(status.target ?? '')}`;
  const device = status.device === undefined ? '' : ` ${status.device}`;
  const owner = status.uid === 0 && status.gid === 0 ? '' : ` owner ${status.uid}:${status.gid}`;
  return `${device} mode ${status.mode.toString(8)}${owner}`;
}

function parametersOf(plan: PlanView, id: OriginId): string {
  const origin = plan.origins[id];
  if (origin?.kind !== 'filesystem' || origin.parameters.length === 0) return '';
  return ` ${origin.parameters.map(parameterText).join(',')}`;
}

function parameterText({ key, value }: Parameter): string {
  return value === undefined ? nameText(key) : `${nameText(key)}=${nameText(value)}`;
}

function cloneAttributes(step: {
  readonly attributes?: number | undefined;
  readonly unbindable?: boolean;
  readonly idmap?: IdMap | undefined;
}): string {
  const words: string[] = [];
  if (step.attributes)
    words.push(formatFlags(step.attributes, MOUNT_ATTR).toLowerCase().replaceAll('|', ','));
  if (step.unbindable) words.push('unbindable');
  if (step.idmap) words.push('idmapped');
  return words.length === 0 ? '' : `, ${words.join(',')}`;
}

function startText(step: Extract<Step, { kind: 'start-group' }>, plan: PlanView): string {
  const { from, master, shared } = step;
  const origin = from ? ` ${from.take ? 'taking' : 'from'} ${originText(plan, from.origin)}` : '';
  const follows = shared && master !== undefined ? `, slave of ${groupText(master)}` : '';
  return `start ${groupText(step.group)} with ${mountText(plan, step.mount)}${origin}${follows}`;
}

function groupText(group: GroupKey): string {
  const [kind, id] = group.split(':');
  return kind === 'peers' ? `shared:${id}` : `master:${id}`;
}

function groupOrigin(step: Extract<Step, { kind: 'make-group' }>, plan: PlanView): string {
  const from = !step.from
    ? groupText(step.master as GroupKey)
    : 'origin' in step.from
      ? originText(plan, step.from.origin)
      : `${step.from.of === 'mount' ? "the host's mount of " : ''}${nameText(step.from.mountOf)}`;
  const words = [`from ${from}`];
  if (step.master !== undefined) words.push(`slave of ${groupText(step.master)}`);
  if (step.followsHost) words.push('slave of the host');
  if (step.shared) words.push('shared');
  return words.join(', ');
}
