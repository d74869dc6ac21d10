import { AuditHead, PLATFORM_CHAIN } from '@rubot/contracts/audit';
import { RubotError } from '@rubot/errors';
import type { AdminClient } from '../admin/admin-client.ts';
import { toTenantPath } from '../admin/read-pages.ts';

export interface ChainOptions {
  readonly tenant?: string;
  readonly platform?: boolean;
}

/** A chain as the gateway gives it out. */
export interface RemoteChain {
  readonly name: string;
  /** The lines behind an entry, as they came; none when there are no more. */
  readLines(afterSeq: number): Promise<readonly string[]>;
  readHead(): Promise<AuditHead>;
}

const PAGE_SIZE = 1_000;

/** @throws RubotError `invalid_request` where none is named, or both are */
export function nameChain({ tenant, platform }: ChainOptions): string {
  if ((tenant === undefined) === (platform !== true)) {
    throw new RubotError('invalid_request', 'Name the chain: --tenant <id>, or --platform for what concerns no tenant.');
  }
  return tenant ?? PLATFORM_CHAIN;
}

export function openRemoteChain(client: AdminClient, name: string): RemoteChain {
  const path = name === PLATFORM_CHAIN ? '/admin/audit' : toTenantPath(name, '/audit');
  return {
    name,
    async readLines(afterSeq) {
      const text = await client.askText({ path: `${path}?after_seq=${afterSeq}&limit=${PAGE_SIZE}` });
      return text.split('\n').filter((line) => line !== '');
    },
    readHead: () => client.ask(AuditHead, { path: `${path}/head` }),
  };
}
