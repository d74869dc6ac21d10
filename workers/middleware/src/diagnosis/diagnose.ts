import type { Finding } from '@rubot/contracts/diagnosis';
import { problem } from '@rubot/diagnosis/finding';
import { judgeMigrations } from '@rubot/diagnosis/judge-migrations';
import { judgeRotation } from '@rubot/diagnosis/judge-rotation';
import { RubotError } from '@rubot/errors';
import { deriveMacKeys, deriveSealKeys } from '@rubot/keys/derive';
import type { MiddlewareDeps } from '../deps.ts';
import { judgeConnections } from './judge-connections.ts';
import { judgeKeptKeys } from './judge-kept-keys.ts';

const DATABASE = 'middleware → D1';

/** Looks at this middleware and its database; what cannot be read does not hide the rest. */
export async function diagnose({ config, store }: MiddlewareDeps): Promise<readonly Finding[]> {
  const { middlewareApiKey, bearerSigningSecret, encryptionSecret } = config.secrets;
  const rotation = judgeRotation('middleware', {
    MIDDLEWARE_API_KEY: middlewareApiKey,
    BEARER_SIGNING_SECRET: bearerSigningSecret,
    ENCRYPTION_SECRET: encryptionSecret,
  });
  const looks = [
    async () => [judgeMigrations({ subject: DATABASE, ...(await store.diagnosis.readMigrations()), remedy: REMEDY })],
    () => diagnoseKeys(store, encryptionSecret),
    async () => [judgeConnections(await store.diagnosis.readConnectionAddresses(), config.outbound)],
  ];
  const findings = await Promise.all(looks.map((look) => look().catch(explain)));
  return [...rotation, ...findings.flat()];
}

const REMEDY = 'Apply them: npm run wrangler -- d1 migrations apply, as docs/deploy.md says.';

async function diagnoseKeys({ diagnosis }: MiddlewareDeps['store'], secret: MiddlewareDeps['config']['secrets']['encryptionSecret']) {
  const { credentials, auditHeads } = await diagnosis.readKeyUse();
  return [
    judgeKeptKeys({
      what: 'credentials of providers',
      ring: await deriveSealKeys(secret, 'credentials/v1'),
      use: credentials,
      breaks: 'Tools of these connections fail.',
    }),
    judgeKeptKeys({
      what: 'heads of audit chains',
      ring: await deriveMacKeys(secret, 'audit-heads/v1'),
      use: auditHeads,
      breaks: 'Changes of these tenants are refused, as they could not be put on record.',
    }),
  ];
}

function explain(thrown: unknown): readonly Finding[] {
  const consequence = 'Requests fail. Check the d1_databases binding, and that the migrations were applied to that very database.';
  const message = `the database does not answer as it should: ${RubotError.from(thrown).message}`;
  return [problem({ check: 'reachable', subject: DATABASE }, message, consequence)];
}
