import { createDeadline } from '@rubot/http/deadline';
import type { Handler } from 'hono';
import type { CallContext } from '../clients/middleware.ts';
import type { GatewayEnv } from '../context.ts';
import type { GatewayDeps } from '../deps.ts';
import { waitFor } from '../wait-for.ts';

type Checks = Readonly<Record<'middleware' | 'orchestrator', 'ok' | 'unavailable'>>;

interface Question {
  readonly answer: Promise<Checks>;
  readonly askedAtMs: number;
}

const CHECK_TIMEOUT_MS = 1_000;
const LIFE_MS = 1_000;

/**
 * `GET /readyz`: whether a completion could be answered now. Open, so it names what is missing and nothing more, and however
 * often it is asked, it asks the services behind it once a second.
 */
export function readinessHandler({ middleware, orchestrator }: GatewayDeps): Handler<GatewayEnv> {
  let known: { readonly checks: Checks; readonly untilMs: number } | undefined;
  let asking: Question | undefined;

  async function ask(span: CallContext['span']): Promise<Checks> {
    // The answer is for all who wait, so the leaving of the one who asked does not end it.
    const deadline = createDeadline({ timeoutMs: CHECK_TIMEOUT_MS });
    const context = { span, deadline };
    const [first, second] = await Promise.allSettled([middleware.checkReady(context), orchestrator.checkReady(context)]);
    deadline.clear();
    const checks = { middleware: toState(first), orchestrator: toState(second) };
    known = { checks, untilMs: Date.now() + LIFE_MS };
    asking = undefined;
    return checks;
  }

  async function readChecks(span: CallContext['span']): Promise<Checks> {
    for (;;) {
      const nowMs = Date.now();
      if (known !== undefined && nowMs < known.untilMs) return known.checks;
      if (asking === undefined || nowMs >= asking.askedAtMs + CHECK_TIMEOUT_MS) {
        asking = { answer: ask(span), askedAtMs: nowMs };
        return asking.answer;
      }
      const checks = await waitFor(asking.answer, asking.askedAtMs + CHECK_TIMEOUT_MS - nowMs);
      if (checks !== undefined) return checks;
    }
  }

  return async function checkReadiness(c) {
    const checks = await readChecks(c.get('span'));
    const isReady = Object.values(checks).every((state) => state === 'ok');
    return c.json({ status: isReady ? 'ready' : 'not_ready', checks }, isReady ? 200 : 503);
  };
}

function toState(check: PromiseSettledResult<void>): 'ok' | 'unavailable' {
  return check.status === 'fulfilled' ? 'ok' : 'unavailable';
}
