import { randomUUID } from 'node:crypto';
import type { DevFile } from '@rubot/contracts/dev-file';
import { RubotError } from '@rubot/errors';
import { checkCompleteness } from '@rubot/traces/check-completeness';
import { renderWaterfall } from '@rubot/traces/render-waterfall';
import { walkSpans } from '@rubot/traces/trace';
import type { Command } from 'commander';
import { chooseSource, type PolledSource, toLocalSource } from '../choose-source.ts';
import { type CliContext, wantsColor, widthOf } from '../context.ts';
import { findStackOf } from '../dev-file.ts';
import { type CliConfig, readCliConfig } from '../env.ts';
import { parseGatewayUrl } from '../parse-gateway-url.ts';
import { parseSeconds } from '../parse-seconds.ts';
import { createReport, type Report } from '../smoke/report.ts';
import { requestCompletion } from '../smoke/request-completion.ts';
import { requestHealth } from '../smoke/request-health.ts';
import type { SmokeTarget } from '../smoke/target.ts';
import { waitForTrace } from '../wait-for-trace.ts';

interface SmokeOptions {
  readonly sender?: string;
  readonly timeout: number;
  readonly trace: boolean;
  readonly wait?: number;
}

/** What the request of a deployment's smoke test passes through. */
const REQUIRED_SERVICES = ['rubot-gateway', 'rubot-middleware', 'rubot-orchestrator', 'rubot-agent-*'];
const DEFAULT_SENDER = 'smoke-sender';
const DEFAULT_TIMEOUT_SECONDS = 60;

export function addSmokeCommand(program: Command, context: CliContext): void {
  program
    .command('smoke')
    .description('send one completion through a deployment and check that every hop is in its trace')
    .argument('<gateway-url>', 'such as https://rubot-gateway.example.workers.dev', parseGatewayUrl)
    .option('--sender <id>', `the sender to speak as; must be linked to a tenant (default: ${DEFAULT_SENDER}, or the local stack’s own)`)
    .option('--timeout <seconds>', 'how long one answer may take', parseSeconds, DEFAULT_TIMEOUT_SECONDS)
    .option('--wait <seconds>', 'how long log lines may travel (default: 10, with Axiom 120)', parseSeconds)
    .option('--no-trace', 'leave the trace unchecked')
    .action((gatewayUrl: string, options: SmokeOptions) => smoke(context, gatewayUrl, options));
}

async function smoke(context: CliContext, gatewayUrl: string, options: SmokeOptions): Promise<void> {
  const config = readCliConfig(context.environment);
  const stack = findStackOf(context.workingDirectory, gatewayUrl);
  const target = toTarget(gatewayUrl, config, stack, options);
  const report = createReport(context);

  await requestHealth(context.fetch, target);
  report.pass('GET / answers ok');
  const { traceId, summary } = await requestCompletion(context.fetch, target);
  report.pass(`POST /v1/chat/completions answers: ${summary}`);
  report.pass(`X-Rubot-Trace-Id is ${traceId}`);
  // A local stack's lines are in its own store, whatever else is configured on this machine.
  const source = stack === undefined ? chooseSource(context, config, undefined) : toLocalSource(stack);
  await checkTrace({ context, report, source, traceId, options });
}

interface TraceCheck {
  readonly context: CliContext;
  readonly report: Report;
  readonly source: PolledSource | undefined;
  readonly traceId: string;
  readonly options: SmokeOptions;
}

async function checkTrace({ context, report, source, traceId, options }: TraceCheck): Promise<void> {
  if (!options.trace) return report.skip('whether every hop is in the trace, as --no-trace was given');
  if (source === undefined) {
    throw new RubotError(
      'misconfigured',
      'Not checked: whether every hop is in the trace. Set AXIOM_TOKEN and AXIOM_DATASET to read the deployment’s logs, or pass --no-trace.',
    );
  }
  const rules = { requiredServices: REQUIRED_SERVICES };
  const timeoutMs = options.wait === undefined ? source.patienceMs : options.wait * 1_000;
  const trace = await waitForTrace(source, traceId, { ...rules, timeoutMs });
  if (trace === undefined) {
    throw new RubotError(
      'not_found',
      `${source.name} had no line of trace ${traceId} within ${timeoutMs / 1_000} s. Check the log drains.`,
    );
  }
  context.stdout.write(`\n${renderWaterfall(trace, { width: widthOf(context.stdout), color: wantsColor(context) })}\n`);
  const problems = checkCompleteness(trace, rules);
  if (problems.length > 0) throw new RubotError('upstream_failed', `The trace is not complete: ${problems.join('; ')}.`);
  report.pass(`the trace is complete: ${[...walkSpans(trace.roots)].length} spans over ${trace.services.length} services`);
}

function toTarget(gatewayUrl: string, config: CliConfig, stack: DevFile | undefined, options: SmokeOptions): SmokeTarget {
  const apiKey = stack?.keys['GATEWAY_API_KEY'] ?? config.gatewayApiKey;
  if (apiKey === undefined) {
    throw new RubotError('misconfigured', 'GATEWAY_API_KEY is not set. Set it to the key of the gateway that is to be checked.');
  }
  return {
    gatewayUrl,
    apiKey,
    sessionId: `smoke-${randomUUID()}`,
    senderId: options.sender ?? stack?.demo.sender_id ?? DEFAULT_SENDER,
    timeoutMs: options.timeout * 1_000,
  };
}
