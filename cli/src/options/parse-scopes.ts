import { CLIENT_SCOPES, type ClientScope, ClientScopes } from '@rubot/contracts/scopes';
import { InvalidArgumentError } from 'commander';

/** `chat:write,run:read` */
export function parseScopes(text: string): readonly ClientScope[] {
  const scopes = ClientScopes.safeParse(text.split(',').map((scope) => scope.trim()));
  if (scopes.success) return scopes.data;
  throw new InvalidArgumentError(`It must be a list with commas, no scope twice, of: ${CLIENT_SCOPES.join(', ')}.`);
}
