import { readBytes } from '@rubot/http/body';
import { z } from 'zod';
import type { PlainFetch } from './plain-fetch.ts';

/** All addresses that a name has right now. Rejects when that cannot be told for sure. */
export type ResolveName = (hostname: string, signal: AbortSignal) => Promise<readonly string[]>;

/** https://developers.cloudflare.com/1.1.1.1/encryption/dns-over-https/make-api-requests/dns-json/ */
const DnsAnswer = z.looseObject({
  Status: z.number(),
  TC: z.boolean().optional(),
  Answer: z.array(z.looseObject({ type: z.number(), data: z.string() })).optional(),
});

const RECORD_TYPES = { A: 1, AAAA: 28 } as const;
const MAX_ANSWER_BYTES = 65_536;

export interface ResolverOptions {
  /** Of a resolver that answers `application/dns-json`. */
  readonly url: string;
  readonly fetch: PlainFetch;
}

/** Asks over HTTPS, as a Worker cannot look names up in another way. Addresses behind aliases are among the answers. */
export function createResolver({ url, fetch }: ResolverOptions): ResolveName {
  async function ask(hostname: string, recordType: keyof typeof RECORD_TYPES, signal: AbortSignal): Promise<readonly string[]> {
    const question = new URL(url);
    question.searchParams.set('name', hostname);
    question.searchParams.set('type', recordType);
    const response = await fetch(question.href, {
      method: 'GET',
      headers: new Headers({ accept: 'application/dns-json' }),
      redirect: 'manual',
      signal,
    });
    const bytes = await readBytes(response, { maxBytes: MAX_ANSWER_BYTES });
    if (response.status !== 200) throw new Error(`the resolver answered ${response.status}`);
    const answer = DnsAnswer.parse(JSON.parse(new TextDecoder().decode(bytes)));
    if (answer.Status !== 0 || answer.TC === true) throw new Error(`the resolver answered with status ${answer.Status}`);
    return (answer.Answer ?? []).filter(({ type }) => type === RECORD_TYPES.A || type === RECORD_TYPES.AAAA).map(({ data }) => data);
  }

  return async function resolveName(hostname, signal) {
    const [ipv4, ipv6] = await Promise.all([ask(hostname, 'A', signal), ask(hostname, 'AAAA', signal)]);
    return [...ipv4, ...ipv6];
  };
}
