import { toRotatingSecret } from '@rubot/config/variable';
import { ChallengeResponse, Diagnosis, type Finding } from '@rubot/contracts/diagnosis';
import { parseJson } from '@rubot/contracts/parse-json';
import { lookBehind } from '@rubot/diagnosis/look-behind';
import { RubotError } from '@rubot/errors';
import { fromOpenAiResponse } from '@rubot/errors/from-openai';
import { createAdminClient } from '../admin/admin-client.ts';
import { send } from '../send.ts';

export interface GatewayToDiagnose {
  readonly gatewayUrl: string;
  readonly adminKey: string;
  /** What the gateway should say that it is; absent where the name of the environment says nothing of it. */
  readonly environment: string | undefined;
  readonly timeoutMs: number;
}

/** The gateway as this machine sees it, and what it finds behind itself. The key is sent only when the gateway knows it. */
export function diagnoseGateway(
  fetch: typeof globalThis.fetch,
  { gatewayUrl, adminKey, environment, timeoutMs }: GatewayToDiagnose,
): Promise<readonly Finding[]> {
  return lookBehind({
    from: 'command line',
    to: 'gateway',
    service: 'rubot-gateway',
    secrets: { ADMIN_API_KEY: toRotatingSecret(adminKey, undefined) },
    hopKey: 'ADMIN_API_KEY',
    breaks: { ADMIN_API_KEY: 'Commands of the operator are refused.' },
    identity: environment === undefined ? {} : { environment },
    unreachable: `No client gets an answer, or this machine does not reach ${gatewayUrl}. Check the URL, and that it is deployed.`,
    async ask(challenge) {
      const { response, text } = await send(fetch, { gatewayUrl, timeoutMs }, '/challenge', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(challenge),
      });
      if (!response.ok) throw fromOpenAiResponse(response, text, gatewayUrl);
      const answer = ChallengeResponse.safeParse(parseJson(text));
      if (answer.success) return answer.data;
      throw new RubotError('upstream_failed', `What answers at ${gatewayUrl} is no rubot gateway.`);
    },
    questions: [
      async () =>
        (await createAdminClient(fetch, { gatewayUrl, apiKey: adminKey, timeoutMs }).ask(Diagnosis, { path: '/admin/diagnosis' })).findings,
    ],
  });
}
