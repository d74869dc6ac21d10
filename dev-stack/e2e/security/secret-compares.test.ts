import { globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { REPOSITORY } from '../../src/repository.ts';

const ROOT = fileURLToPath(REPOSITORY);
const SOURCES = globSync('{{workers,services,shared-packages}/*,cli}/src/**/*.ts', {
  cwd: ROOT,
  exclude: (path) => /node_modules|\.test\.ts$|testkit/.test(path),
});

/** A name of something that opens a door: compared letter by letter, it is told letter by letter. */
const SECRET_NAME = /(?:secret|api_?key|apikey|password|credential|\bmac\b|bearer|\btoken\b|\bhandle\b|\bpin\b|signature|digest)$/i;
/** What is known of a secret, and is none itself. */
const HARMLESS = /(?:undefined|null|true|false|^['"`]|\.length$|^typeof |keyId|\.kind$|\.status$|\.type$)/;
/** Comparisons that no outsider brings a side of. */
const KNOWN: ReadonlySet<string> = new Set([
  // Two bearers of our own: whether the run has been given another meanwhile.
  'services/orchestrator/src/dispatch/relay-slice.ts: fresh?.token !== token',
  // Both sides are the operator's own: his file, and what he has typed.
  'cli/src/tokens/revoke-token.ts: token.startsWith(',
  'cli/src/tokens/token-store.ts: stored.data.action_handle === handle',
  // Whether what an administrator has set has the shape of a name and a password.
  'workers/middleware/src/providers/credential/present.ts: !credential.includes(',
]);
const OPERAND = String.raw`(?:typeof )?[\w$.?!]+(?:\([^()]*\))?(?:\[[^\]]*\])?[\w$.?!]*|'[^']*'`;
const EQUALITY = new RegExp(`(${OPERAND})\\s*[!=]==?\\s*(${OPERAND})`, 'g');
const SEARCH = /([\w$.?!]+)\??\.(?:includes|indexOf|startsWith|endsWith|localeCompare)\(/g;

interface Comparison {
  readonly text: string;
  readonly sides: readonly string[];
}

/** What is compared by an operator, or searched in, line by line and without its comments. */
function findComparisons(source: string): readonly Comparison[] {
  const code = source.replace(/\/\*[\s\S]*?\*\/|(?<!:)\/\/.*$/gm, '');
  const equalities = [...code.matchAll(EQUALITY)].map(([text, left = '', right = '']) => ({ text, sides: [left, right] }));
  const searches = [...code.matchAll(SEARCH)].map(([text, searched = '']) => ({ text, sides: [searched] }));
  return [...equalities, ...searches];
}

function isOfSecrets({ sides }: Comparison): boolean {
  if (sides.some((side) => HARMLESS.test(side))) return false;
  return sides.some((side) => SECRET_NAME.test(side) || /\bsecrets\./.test(side));
}

describe('no secret is compared by anything that stops at the first wrong letter', () => {
  it.each([...new Set(SOURCES.map((path) => path.split('/').slice(0, 2).join('/')))])('in %s', (folder) => {
    const found = SOURCES.filter((path) => path.startsWith(`${folder}/`)).flatMap((path) =>
      findComparisons(readFileSync(`${ROOT}${path}`, 'utf8'))
        .filter(isOfSecrets)
        .map(({ text }) => `${path}: ${text}`)
        .filter((text) => !KNOWN.has(text)),
    );
    expect(found).toEqual([]);
  });

  it('and such a compare would be found', () => {
    const planted = [
      'if (key === config.secrets.gatewayApiKey) pass();',
      'if (token !== secrets.current) refuse();',
      'return adminApiKey == candidate;',
      'if (row.mac === mac) pass();',
      'return secrets.adminApiKey.includes(text);',
      'return credential.startsWith(text);',
    ];
    for (const line of planted) expect(findComparisons(line).filter(isOfSecrets), line).toHaveLength(1);
    expect(SOURCES.length).toBeGreaterThan(200);
  });
});
