import { RubotError } from '@rubot/errors';
import { renderWaterfall } from '@rubot/traces/render-waterfall';
import { isTraceLookupId } from '@rubot/traces/source';
import { toJson } from '@rubot/traces/to-json';
import { type Command, InvalidArgumentError } from 'commander';
import { chooseSource, type PolledSource, toLocalSource } from '../choose-source.ts';
import { type CliContext, wantsColor, widthOf } from '../context.ts';
import { findDevFile } from '../dev-file.ts';
import { readCliConfig } from '../env.ts';
import { parseSeconds } from '../parse-seconds.ts';
import { waitForTrace } from '../wait-for-trace.ts';

interface TraceOptions {
  readonly json?: boolean;
  readonly local?: boolean;
  readonly wait?: number | true;
}

export function addTraceCommand(program: Command, context: CliContext): void {
  program
    .command('trace')
    .description('show one request over all services: who called whom, how long, tokens, errors first')
    .argument('<id>', 'the X-Rubot-Trace-Id of an answer, a run id (run_…) or a completion id (chatcmpl-…)', parseId)
    .option('--json', 'print JSON for programs')
    .option('--wait [seconds]', 'wait until no hop is missing (default: 10 s at most, with Axiom 120)', parseSeconds)
    .option('--local', 'read the local log store even where Axiom is configured')
    .action((id: string, options: TraceOptions) => showTrace(context, id, options));
}

async function showTrace(context: CliContext, id: string, options: TraceOptions): Promise<void> {
  const source = pickSource(context, options.local === true);
  const timeoutMs = options.wait === true ? source.patienceMs : (options.wait ?? 0) * 1_000;
  const trace = await waitForTrace(source, id, { timeoutMs });
  if (trace === undefined) {
    throw new RubotError('not_found', `${source.name} has no line of ${id}. Check the id, and that it is of this environment.`);
  }
  const text = options.json === true ? `${JSON.stringify(toJson(trace), null, 2)}\n` : renderTrace(context, trace);
  context.stdout.write(text);
}

function renderTrace(context: CliContext, trace: Parameters<typeof renderWaterfall>[0]): string {
  return renderWaterfall(trace, { width: widthOf(context.stdout), color: wantsColor(context) });
}

function pickSource(context: CliContext, local: boolean): PolledSource {
  const devFile = findDevFile(context.workingDirectory);
  const config = local ? undefined : readCliConfig(context.environment);
  const source = config === undefined ? devFile && toLocalSource(devFile) : chooseSource(context, config, devFile);
  if (source !== undefined) return source;
  throw new RubotError(
    'not_found',
    'There are no logs to read. Start a local stack with npm start, or set AXIOM_TOKEN and AXIOM_DATASET to read a deployment’s.',
  );
}

function parseId(text: string): string {
  if (isTraceLookupId(text)) return text;
  throw new InvalidArgumentError('It is none of: 32 lower-case hex digits, run_…, chatcmpl-…');
}
