import type { Kind, Mount, PathString, Propagation } from './mount.ts';

/** What is read of every mount. */
export type Fields = Omit<Mount, 'kind'>;

/** A mount that was read: a plain value as any other, but that printers know it. */
export class ReadMount implements Mount {
  readonly id: number;
  readonly parentId: number;
  readonly device: string;
  readonly root: PathString;
  readonly deleted: boolean;
  readonly mountPoint: PathString;
  readonly options: readonly string[];
  readonly propagation: Propagation;
  readonly unknownTags: readonly string[];
  readonly type: string;
  readonly source: string;
  readonly superOptions: string;
  readonly kind: Kind;

  /** Without what only some mounts have: one field after the other, because tables are long. */
  constructor(fields: Fields) {
    this.id = fields.id;
    this.parentId = fields.parentId;
    this.device = fields.device;
    this.root = fields.root;
    this.deleted = fields.deleted;
    this.mountPoint = fields.mountPoint;
    this.options = fields.options;
    this.propagation = fields.propagation;
    this.unknownTags = fields.unknownTags;
    this.type = fields.type;
    this.source = fields.source;
    this.superOptions = fields.superOptions;
    this.kind = 'unknown';
  }

  /** The same, with all that a mount has. */
  static of(mount: Mount): Mount {
    return Object.assign(new ReadMount(mount), mount);
  }
}
