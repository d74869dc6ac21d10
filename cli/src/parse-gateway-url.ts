import { InvalidArgumentError } from 'commander';

export function parseGatewayUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isOrigin = url !== undefined && /^https?:$/.test(url.protocol) && url.username === '' && /^\/(?:v1\/?)?$/.test(url.pathname);
  if (isOrigin && url.search === '' && url.hash === '') return url.origin;
  throw new InvalidArgumentError('It must be http:// or https:// with a host and nothing after it.');
}
