import { randomUUID } from 'node:crypto';
import { HEADERS } from '@rubot/contracts/headers';
import type { ModelExchange } from '@rubot/testkit/model-upstream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { linkNewSender } from '../_senders.ts';
import { type ModelStack, type Speaker, startModelStack } from '../_stack.ts';
import { connect, failureOf, SDKS } from '../clients/_client.ts';
import { beginRun, readRunEvents, textOf, untilQueued } from './_runs.ts';

const SHORT_LEASE = { RUN_LEASE_MS: '1000', RUN_HEARTBEAT_MS: '300', SWEEP_INTERVAL_MS: '100' };

let stack: ModelStack;
beforeAll(async () => {
  stack = await startModelStack({ agents: ['conversational'], variables: { orchestrator: SHORT_LEASE } });
});
afterAll(() => stack.stop());

type Client = ReturnType<typeof connect>['client'];

/** A client whose conversation is remembered under a session of its own. */
function connectTo(sdk: (typeof SDKS)[number], speaker: Partial<Speaker>, headers: Record<string, string> = {}): Client {
  return connect(sdk, stack, { speaker, headers: { [HEADERS.memory]: 'session', ...headers }, maxRetries: 0 }).client;
}

async function say(client: Client, content: string, stream = false): Promise<string> {
  const messages = [{ role: 'user' as const, content }];
  if (!stream) return (await client.chat.completions.create({ model: 'rubot', messages })).choices[0]?.message.content ?? '';
  return (await client.chat.completions.stream({ model: 'rubot', messages }).finalContent()) ?? '';
}

/** What the model was told last, without the instructions of the agent. */
function lastConversation(): readonly (readonly [string, unknown])[] {
  const messages = stack.model.requests.at(-1)?.body['messages'] as readonly { readonly role: string; readonly content: unknown }[];
  return messages.filter(({ role }) => role !== 'system').map(({ role, content }) => [role, toText(content)]);
}

function toText(content: unknown): unknown {
  return Array.isArray(content) ? content.map((part: { readonly text?: string }) => part.text).join('') : content;
}

/** A model that is asked and does not answer before it is told to. */
function holdModel(): Promise<ModelExchange> {
  stack.model.script(() => {});
  return stack.model.nextRequest();
}

describe.each(SDKS)('a session that is remembered for a client of $name', (sdk) => {
  it.each([false, true])('knows what was said before, of which the client sends nothing again (stream: %s)', async (stream) => {
    stack.model.script({ text: 'Nice to meet you, Ada.' }, { text: 'Ada.' });
    const client = connectTo(sdk, { sessionId: randomUUID() });
    await say(client, 'My name is Ada.', stream);
    expect(await say(client, 'What is my name?', stream)).toBe('Ada.');
    expect(lastConversation()).toEqual([
      ['user', 'My name is Ada.'],
      ['assistant', 'Nice to meet you, Ada.'],
      ['user', 'What is my name?'],
    ]);
  });

  it('answers messages that come at once in their order, each knowing those before it', async () => {
    const client = connectTo(sdk, { sessionId: randomUUID() });
    const asked = holdModel();
    const first = say(client, 'one');
    const exchange = await asked;
    stack.model.script({ text: 'answer two' }, { text: 'answer three' });
    const second = say(client, 'two');
    await untilQueued(stack, 1);
    const third = say(client, 'three');
    await untilQueued(stack, 2);
    exchange.answer({ text: 'answer one' });
    expect(await Promise.all([first, second, third])).toEqual(['answer one', 'answer two', 'answer three']);
    expect(lastConversation()).toEqual([
      ['user', 'one'],
      ['assistant', 'answer one'],
      ['user', 'two'],
      ['assistant', 'answer two'],
      ['user', 'three'],
    ]);
  });

  it('refuses a message while another is answered, if it is to', async () => {
    const speaker = { sessionId: randomUUID() };
    const asked = holdModel();
    const first = say(connectTo(sdk, speaker), 'one');
    const exchange = await asked;
    const busy = await failureOf(say(connectTo(sdk, speaker, { [HEADERS.sessionStrategy]: 'reject' }), 'two'));
    expect(busy).toBeInstanceOf(sdk.OpenAI.ConflictError);
    expect(busy).toMatchObject({ status: 409, code: 'conflict' });
    exchange.answer({ text: 'answer one' });
    expect(await first).toBe('answer one');
  });

  it('gives up what it answers for the message that interrupts, and forgets it', async () => {
    const speaker = { sessionId: randomUUID() };
    const asked = holdModel();
    const first = failureOf(say(connectTo(sdk, speaker), 'write an epic'));
    const exchange = await asked;
    stack.model.script({ text: 'stopped' });
    expect(await say(connectTo(sdk, speaker, { [HEADERS.sessionStrategy]: 'interrupt' }), 'stop that')).toBe('stopped');
    await exchange.aborted;
    expect(await first).toBeInstanceOf(sdk.OpenAI.APIError);
    expect(lastConversation()).toEqual([['user', 'stop that']]);
  });
});

describe('a remembered session', () => {
  const [sdk] = SDKS;

  it('is remembered by the next process, and by runs for which nobody waits', { timeout: 60_000 }, async () => {
    const speaker = { sessionId: randomUUID() };
    stack.model.script({ text: 'Noted.' });
    await say(connectTo(sdk!, speaker), 'The code is 7.');
    await stack.restartService('orchestrator');
    stack.model.script({ text: 'Seven.' });
    const body = { messages: [{ role: 'user', content: 'What is the code?' }] };
    const { runId } = await beginRun(stack, body, { speaker, headers: { [HEADERS.memory]: 'session' } });
    expect(textOf(await readRunEvents(stack, runId))).toBe('Seven.');
    expect(lastConversation()).toEqual([
      ['user', 'The code is 7.'],
      ['assistant', 'Noted.'],
      ['user', 'What is the code?'],
    ]);
  });

  it('is nobody else’s: neither another session nor another sender hears of it', async () => {
    stack.model.script({ text: 'Noted.' });
    const sessionId = randomUUID();
    await say(connectTo(sdk!, { sessionId }), 'The code is 7.');
    await say(connectTo(sdk!, { sessionId: randomUUID() }), 'What is the code?');
    expect(lastConversation()).toEqual([['user', 'What is the code?']]);
    const { senderId } = await linkNewSender(stack);
    const refused = await failureOf(say(connectTo(sdk!, { senderId, sessionId }), 'What is the code?'));
    expect(refused).toMatchObject({ status: 403, code: 'forbidden' });
  });

  it('keeps no turn of which nothing came', async () => {
    const client = connectTo(sdk!, { sessionId: randomUUID() });
    stack.model.script({ status: 400, body: '{"error":{"message":"no"}}' });
    await failureOf(say(client, 'something bad'));
    stack.model.script({ text: 'fine' });
    expect(await say(client, 'something good')).toBe('fine');
    expect(lastConversation()).toEqual([['user', 'something good']]);
  });
});
