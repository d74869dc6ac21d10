import { z } from 'zod';

/** One entry of a list of hosts: `api.example.com`, `*.example.com` for names under it, either with a port. */
export interface HostPattern {
  /** In lower case, as the URL standard spells it. */
  readonly hostname: string;
  readonly includesSubdomains: boolean;
  readonly port: number;
}

const HTTPS_PORT = 443;
const ENTRY = /^(\*\.)?([^\s*/@?#\\:]+|\[[0-9a-f:.]+\])(?::(\d{1,5}))?$/i;

/** A comma list from the environment. */
export const HostList = z.string().transform((text, context): readonly HostPattern[] => {
  const entries = text.split(',').map((entry) => entry.trim());
  return entries
    .filter((entry) => entry !== '')
    .map((entry) => {
      const pattern = parseEntry(entry);
      if (pattern !== undefined) return pattern;
      context.addIssue({
        code: 'custom',
        message: 'must be a comma list of hosts such as api.example.com, *.example.com, example.com:8443',
      });
      return z.NEVER;
    });
});

function parseEntry(entry: string): HostPattern | undefined {
  const [, wildcard, host = '', port] = ENTRY.exec(entry) ?? [];
  const url = `https://${host}:${port ?? HTTPS_PORT}`;
  if (host === '' || !URL.canParse(url)) return undefined;
  const { hostname } = new URL(url);
  // A wildcard over a whole top-level domain is a slip, and one over an address means nothing.
  if (wildcard !== undefined && !/^[^.[]+\..*[^.\d]$/.test(hostname)) return undefined;
  return { hostname, includesSubdomains: wildcard !== undefined, port: port === undefined ? HTTPS_PORT : Number(port) };
}

export function isListed(hosts: readonly HostPattern[], url: URL): boolean {
  const port = toPort(url);
  return hosts.some((pattern) => pattern.port === port && fits(pattern, url.hostname));
}

function fits({ hostname, includesSubdomains }: HostPattern, candidate: string): boolean {
  return includesSubdomains ? candidate.endsWith(`.${hostname}`) : candidate === hostname;
}

function toPort({ port, protocol }: URL): number {
  if (port !== '') return Number(port);
  return protocol === 'https:' ? HTTPS_PORT : 80;
}
