import { stopSignal } from '@rubot/http/node/stop-signal';
import { buildTrace } from '@rubot/traces/build-trace';
import { checkCompleteness } from '@rubot/traces/check-completeness';
import { renderWaterfall } from '@rubot/traces/render-waterfall';
import { describeEnd } from './processes/start-process.ts';
import { ensureDemoToken } from './seed/demo-token.ts';
import { StackError } from './stack/stack-error.ts';
import { type Stack, startStack } from './stack/start-stack.ts';
import { type CommandLine, readCommandLine, USAGE } from './start/command-line.ts';
import { explainFailure } from './start/explain-failure.ts';
import { holdConversation, QUESTION } from './start/first-conversation.ts';
import { type LocalFolder, openLocalFolder } from './start/local-folder.ts';
import { chooseModels } from './start/model-variables.ts';
import { renderWelcome } from './start/welcome.ts';

// `npm start | head` closes the pipe early; the services notice that this process is gone.
process.stdout.on('error', () => process.exit(1));

// `npm start`: the whole platform on this machine, a first conversation with it, and then it stays.
try {
  const commandLine = readCommandLine(process.argv.slice(2));
  if (commandLine.help) console.log(USAGE);
  else await main(commandLine);
} catch (thrown) {
  console.error(`rubot: ${explainFailure(thrown)}`);
  process.exitCode = 1;
}

async function main({ port, once: endsAfterwards }: CommandLine): Promise<void> {
  const folder = await openLocalFolder();
  const models = chooseModels(process.env);
  console.log(`Starting rubot. ${models.notice}\n`);
  const stack = await boot(folder, port, models.variables);
  // From here on Ctrl-C ends in order; before, it ends this process, and the services notice that.
  const interrupted = stopSignal();
  try {
    const traceId = await Promise.race([converse(stack, endsAfterwards), interrupted.then(() => undefined)]);
    if (endsAfterwards) {
      if (traceId === undefined) process.exitCode = 1;
      return;
    }
    console.log(renderWelcome(stack, folder.devFile, traceId));
    await interrupted;
    console.log('\nStopping.');
  } finally {
    await stack.stop();
  }
}

async function boot(folder: LocalFolder, port: number, modelVariables: Readonly<Record<string, string>>): Promise<Stack> {
  const stack = await startStack({
    gatewayPort: port,
    persistDirectory: folder.dataDirectory,
    postgresDirectory: folder.postgresDirectory,
    keys: folder.keys,
    logFile: folder.logFile,
    modelVariables,
    onNoise: folder.writeNoise,
    onLogStoreFailure: (error) => console.error(`rubot: ${error.message}. Requests of this run can no longer be looked up.`),
    onCrash: (end) => console.error(`rubot: ${end.name} ended by itself, the others go on. Run npm start again. ${describeEnd(end)}`),
  });
  try {
    folder.writeDevFile(stack, await ensureDemoToken(stack, folder.demoToken));
  } catch (thrown) {
    await stack.stop();
    throw thrown;
  }
  return stack;
}

/** A failure ends a run that is there for this conversation alone; else it is told, and the stack stays to be looked at. */
async function converse(stack: Stack, isAll: boolean): Promise<string | undefined> {
  try {
    console.log(`you:    ${QUESTION}`);
    process.stdout.write('rubot:  ');
    const traceId = await holdConversation(stack, (token) => process.stdout.write(token));
    console.log('\n');
    await showTrace(stack, traceId);
    return traceId;
  } catch (thrown) {
    if (isAll) throw thrown;
    console.error(`\nrubot: the first conversation failed: ${explainFailure(thrown)}\n`);
    return undefined;
  }
}

async function showTrace(stack: Stack, traceId: string): Promise<void> {
  const trace = await stack.waitForTrace(traceId).catch(() => buildTrace(traceId, stack.linesOf(traceId)));
  console.log(renderWaterfall(trace, { width: process.stdout.columns ?? 120, color: process.stdout.isTTY && !process.env['NO_COLOR'] }));
  const problems = checkCompleteness(trace);
  if (problems.length > 0) throw new StackError(`The trace is not complete: ${problems.join('; ')}.`);
}
