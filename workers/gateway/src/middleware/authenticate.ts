import { RubotError } from '@rubot/errors';
import { readBearerToken } from '@rubot/http/hop-key';
import type { Context, MiddlewareHandler } from 'hono';
import type { Authority } from '../access/authority.ts';
import { readCredential } from '../access/credential.ts';
import type { GatewayEnv } from '../context.ts';
import type { GatewayDeps } from '../deps.ts';
import { withinDeadline } from '../within-deadline.ts';

/** `undefined` for what is not the door's shared key. */
type MatchKey = (text: string) => Authority | undefined;

/** Finds out in whose right a request is made; whoever shows nothing good is refused, and soon not even answered that. */
export function authenticate(deps: GatewayDeps, hint: string, matchKey: MatchKey): MiddlewareHandler<GatewayEnv> {
  const { config, shield } = deps;

  async function readAuthority(c: Context<GatewayEnv>): Promise<Authority> {
    const text = readBearerToken(c.req.raw.headers);
    if (text === undefined) throw refuse(c.req.header('authorization'), hint);
    // Whatever was shown is compared, so that time does not tell what it was taken for.
    const authority = matchKey(text);
    if (authority !== undefined) return authority;
    if (!LOOKS_LIKE_CREDENTIAL.test(text)) throw new RubotError('invalid_api_key', `The API key is not right. ${hint}`);
    return withinDeadline(c, config.requestTimeoutMs, (context) => readCredential(text, deps, context));
  }

  return async function findAuthority(c, next) {
    try {
      const authority = await readAuthority(c);
      c.set('authority', authority);
      if (authority.kind === 'token') c.get('span').annotate({ tenant_id: authority.tenantId });
    } catch (thrown) {
      if (RubotError.is(thrown) && thrown.code === 'invalid_api_key') await shield.admit(`address:${c.req.header(CLIENT_ADDRESS) ?? ''}`);
      throw thrown;
    }
    await next();
  };
}

/** Written by Cloudflare's edge, over whatever a client says. */
const CLIENT_ADDRESS = 'cf-connecting-ip';
/** An API token, or a JWS. */
const LOOKS_LIKE_CREDENTIAL = /^(?:rbt_|eyJ)/;

function refuse(header: string | undefined, hint: string): RubotError {
  const problem = header?.includes(', ') ? 'The header Authorization was sent twice.' : 'No API key was sent.';
  return new RubotError('invalid_api_key', `${problem} ${hint}`);
}
