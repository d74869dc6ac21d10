import type { ResolveApiTokenRequest, ResolveApiTokenResponse } from '@rubot/contracts/api-tokens';
import type { MiddlewareClient } from '../clients/middleware.ts';
import { createMemory, type Memory } from './memory.ts';

/** Asks what a token opens, by its hash or by its name. */
export type TokenResolver = Memory<ResolveApiTokenRequest, ResolveApiTokenResponse>;

export type ActiveToken = Extract<ResolveApiTokenResponse, { status: 'active' }>;

export function createTokenResolver(middleware: Pick<MiddlewareClient, 'resolveApiToken'>): TokenResolver {
  return createMemory({
    ask: middleware.resolveApiToken,
    toKey: (question) => ('hash' in question ? question.hash : question.token_id),
    isGood: ({ status }) => status === 'active',
    refusesFromMemory: true,
  });
}
