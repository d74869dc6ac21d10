import type { Diagnosis, Finding } from '@rubot/contracts/diagnosis';
import { problem } from '@rubot/diagnosis/finding';
import { judgeMigrations } from '@rubot/diagnosis/judge-migrations';
import { judgeRotation } from '@rubot/diagnosis/judge-rotation';
import { RubotError } from '@rubot/errors';
import type { Handler } from 'hono';
import type { MiddlewareEnv } from '../../context.ts';
import type { MiddlewareDeps } from '../../deps.ts';

const DATABASE = 'middleware → D1';

/** `GET /internal/diagnosis` */
export function diagnosisHandler({ config, store }: MiddlewareDeps): Handler<MiddlewareEnv> {
  const { middlewareApiKey, bearerSigningSecret, encryptionSecret } = config.secrets;

  async function diagnoseDatabase(): Promise<Finding> {
    try {
      const remedy = `Apply them: npm run wrangler -- d1 migrations apply DB --remote, in workers/middleware, with --env of this deployment.`;
      return judgeMigrations({ subject: DATABASE, ...(await store.readMigrations()), remedy });
    } catch (thrown) {
      const consequence =
        'Every request fails. Check the d1_databases binding, and that the migrations were applied to that very database.';
      return problem(
        { check: 'migrations', subject: DATABASE },
        `the database does not answer: ${RubotError.from(thrown).message}`,
        consequence,
      );
    }
  }

  return async function diagnose(c) {
    const rotation = judgeRotation('middleware', {
      MIDDLEWARE_API_KEY: middlewareApiKey,
      BEARER_SIGNING_SECRET: bearerSigningSecret,
      ENCRYPTION_SECRET: encryptionSecret,
    });
    return c.json({ findings: [...rotation, await diagnoseDatabase()] } satisfies Diagnosis);
  };
}
