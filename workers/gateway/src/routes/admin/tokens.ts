import {
  ApiTokenList,
  IssueActionHandle,
  IssueApiToken,
  IssuedActionHandle,
  IssuedApiToken,
  ListApiTokensQuery,
} from '@rubot/contracts/api-tokens';
import { TokenId, toTokenSender } from '@rubot/contracts/ids';
import { CLIENT_SCOPES } from '@rubot/contracts/scopes';
import { parseInput } from '@rubot/http/parse';
import type { Authority } from '../../access/authority.ts';
import type { GatewayDeps } from '../../deps.ts';
import type { AdminRoute } from './forward-admin.ts';

/** `GET /admin/tenants/:tenant/tokens?cursor=&limit=` */
export const listTokens: AdminRoute = { query: ListApiTokensQuery, answer: ApiTokenList };

/** `POST /admin/tenants/:tenant/tokens`: the token is told once. Whoever issues one gives no more than it holds. */
export const issueToken: AdminRoute = {
  body: IssueApiToken,
  answer: IssuedApiToken,
  complete: (c, { query, body }) => ({ query, body: { ...body, ...toIssuer(c.get('authority')) } }),
};

/** `DELETE /admin/tenants/:tenant/tokens/:tokenId`: ends it, here at once and everywhere within seconds, and its handles with it. */
export function revokeToken({ tokens, sessions }: GatewayDeps): AdminRoute {
  return {
    onDone(c) {
      const tokenId = parseInput(TokenId, c.req.param('tokenId'), 'token_id');
      tokens.forget((answer) => answer.status === 'active' && answer.token_id === tokenId);
      sessions.forget((_answer, question) => question.sender_id === toTokenSender(tokenId));
    },
  };
}

/** `POST /admin/tenants/:tenant/tokens/:tokenId/action-handles`: the handle is told once. */
export const issueActionHandle: AdminRoute = { body: IssueActionHandle, answer: IssuedActionHandle };

function toIssuer(authority: Authority): { issuer?: unknown } {
  if (authority.kind !== 'token') return {};
  return { issuer: { token_id: authority.tokenId, scopes: CLIENT_SCOPES.filter((scope) => authority.scopes.includes(scope)) } };
}
