import { MountyardError } from './errors.ts';
import { Difference } from './model/difference.ts';
import { ReadMount } from './model/read-mount.ts';
import { MountTree } from './model/tree.ts';
import { RestorePlan } from './plan/plan.ts';
import { Help } from './render/help.ts';
import { installInspectors } from './render/inspect.ts';
import { MountNamespace } from './system/namespaces/namespace.ts';
import { RestoredTree } from './system/restore/restored.ts';

export {
  BusyTableError,
  CancelledError,
  MalformedTreeError,
  MountError,
  type MountErrorDetails,
  MountyardError,
  ParseError,
  ProcfsError,
  ProgramError,
  UndoError,
  UnseenMountsError,
  UsageError,
} from './errors.ts';
export { formatHostFacts, parseHostFacts } from './formats/facts.ts';
export { formatMountinfo, parseMountinfo } from './formats/mountinfo.ts';
export { formatSnapshot, parseSnapshot, snapshotJsonSchema } from './formats/snapshot.ts';
export type { CgroupPath } from './model/cgroups.ts';
export { type ComparePolicy, diffTrees } from './model/diff.ts';
export { Difference, type DifferenceKind } from './model/difference.ts';
export type {
  Capabilities,
  DestinationFact,
  FileIdentity,
  FilesystemFact,
  HostFacts,
  PathFact,
  SourceFact,
  SourceLocks,
} from './model/facts.ts';
export type { Leavers, LeftBehind } from './model/left-behind.ts';
export type {
  DirectoryStatus,
  FileKind,
  IdMap,
  IdRange,
  Kind,
  Mount,
  NodeStatus,
  OwnedNode,
  PathString,
  Propagation,
} from './model/mount.ts';
export type { Problem, ProblemCode } from './model/problems.ts';
export type { Snapshot } from './model/snapshot.ts';
export { MountTree } from './model/tree.ts';
export type { GroupKey } from './plan/groups/groups.ts';
export type { HostPath } from './plan/host-path.ts';
export type { Restorable } from './plan/namespaces.ts';
export type {
  Engine,
  HeldNamespace,
  Into,
  OtherNamespace,
  RestoreOptions,
  TargetName,
} from './plan/options/options.ts';
export { type Proposal, proposeOptions } from './plan/options/propose.ts';
export {
  type Cure,
  type Requirement,
  type RequirementKind,
  UnmetRequirementsError,
} from './plan/options/requirements.ts';
export {
  type PlanNotes,
  type PlanView,
  RestorePlan,
  type Target,
} from './plan/plan.ts';
export type { Parameter } from './plan/questions.ts';
export { requirements } from './plan/resolve.ts';
export { planRestore } from './plan/restore.ts';
export type { Action, HostEffect, NodeKind, Origin, OriginId, Step } from './plan/steps/steps.ts';
export { compileRestore } from './program/compile.ts';
export type { CompiledProgram, Export, Import } from './program/compiled.ts';
export { listProgram } from './program/listing.ts';
export { renderDifferences } from './render/differences.ts';
export { type Help, help } from './render/help.ts';
export type { Paint, RenderOptions, Role } from './render/paint.ts';
export { renderPlan } from './render/plan.ts';
export { type Outcome, renderReport } from './render/report.ts';
export { renderRequirements } from './render/requirements.ts';
export { renderTree, type TreeRenderOptions } from './render/tree.ts';
export * as sys from './sys.ts';
export type { OtherNamespaces } from './system/calls/other-namespaces.ts';
export { type CaptureOptions, captureTree } from './system/capture/capture.ts';
export { captureSnapshot } from './system/capture/snapshot.ts';
export { inspectHost } from './system/inspect/inspect.ts';
export { probe } from './system/inspect/probe.ts';
export type {
  InsideOptions,
  SpawnInsideOptions,
  SpawnSyncInsideOptions,
  SpawnSyncInsideReturns,
} from './system/namespaces/enter.ts';
export type { CreateOptions, IntoThis } from './system/namespaces/namespace.ts';
export type { PinReport } from './system/namespaces/pin.ts';
export type { Progress } from './system/restore/execute.ts';
export {
  type RestoreSyncOptions,
  type RestoreTreeOptions,
  restoreTree,
  restoreTreeSync,
} from './system/restore/restore.ts';
export {
  RestoredTree,
  type RestoreReport,
  type Timings,
} from './system/restore/restored.ts';
export { verifyTree } from './system/restore/verify.ts';
export { MountNamespace };

installInspectors(() => process.stdout.columns, {
  Difference,
  Help,
  MountNamespace,
  MountTree,
  MountyardError,
  ReadMount,
  RestoredTree,
  RestorePlan,
});
