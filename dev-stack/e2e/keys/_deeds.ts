import { ActionBearerResponse, IssuedActionHandle, IssuedApiToken } from '@rubot/contracts/api-tokens';
import { RenewBearerResponse } from '@rubot/contracts/bearer';
import { ReencryptReport } from '@rubot/contracts/connections';
import { HEADERS } from '@rubot/contracts/headers';
import { CreatedLinkPin } from '@rubot/contracts/link-pins';
import type { ModelExchange } from '@rubot/testkit/model-upstream';
import { DEMO } from '../../src/seed/demo.ts';
import { beginRun, readRunEvents, textOf } from '../runs/_runs.ts';
import type { Fleet } from './_fleet.ts';
import type { Deed } from './_load.ts';
import type { RotatedSecrets } from './_rotation-plan.ts';
import { signTokens } from './_signed.ts';
import { WAREHOUSE_TOOL } from './_warehouse.ts';

const MODEL = 'rubot/tables';
const FOUND = 'It is there.';
const WAIT = 'Wait for it.';
const LOOK_UP = { name: 'tables_query', arguments: { table: 'products', limit: 1 } };
const CLIENT_SCOPES = ['chat:write', 'run:read', 'run:write'];

/** A model that looks something up and says whether the tool found it; to whom asks it to wait, it answers when it is let go. */
export interface PatientModel {
  answer(exchange: ModelExchange): Promise<void>;
  untilWaiting(count: number): Promise<void>;
  letGo(): void;
}

export function createPatientModel(): PatientModel {
  const gate = Promise.withResolvers<void>();
  const arrivals: PromiseWithResolvers<void>[] = [];
  let waiting = 0;
  const arrivalOf = (index: number) => (arrivals[index] ??= Promise.withResolvers<void>());

  return {
    async answer(exchange) {
      const messages = exchange.body['messages'] as readonly { readonly role: string; readonly content: unknown }[];
      const result = messages.findLast(({ role }) => role === 'tool');
      const said = JSON.stringify(result?.content);
      if (result !== undefined) return exchange.answer({ text: said.includes('quantity_on_hand') ? FOUND : `The tool failed: ${said}` });
      if (JSON.stringify(messages).includes(WAIT)) {
        arrivalOf(waiting++).resolve();
        await gate.promise;
      }
      exchange.answer({ toolCalls: [LOOK_UP] });
    },
    untilWaiting: (count) => arrivalOf(count - 1).promise,
    letGo: () => gate.resolve(),
  };
}

/** The clients of a fleet, who know of each secret what they are told. */
export interface Clients {
  /** The value that a client shows when it next needs one. */
  secretOf(name: string): string;
}

export interface Bystanders {
  readonly deeds: readonly Deed[];
  /** Asks, and has to wait for the model. */
  askPatiently(): Promise<void>;
  createPin(): Promise<string>;
  linkBy(pin: string, senderId: string): Promise<void>;
  /** Brings all that is sealed under the current secret, as `rubot credentials reencrypt` does. */
  reencrypt(): Promise<void>;
  /** Of the API token that some of them have. */
  readonly tokenId: string;
}

/** Everything that is done while secrets are rotated, by all who hold one. */
export async function gatherBystanders(fleet: Fleet, secrets: RotatedSecrets, { secretOf }: Clients): Promise<Bystanders> {
  const gateway = fleet.urlOf('gateway');
  const toDemo = { [HEADERS.sessionId]: DEMO.session_id, [HEADERS.senderId]: DEMO.sender_id };
  const asChatSource = () => ({ ...bearer(secretOf('GATEWAY_API_KEY')), ...toDemo });
  const asOperator = () => bearer(secretOf('ADMIN_API_KEY'));
  const tokens = `${gateway}/admin/tenants/${DEMO.tenant_id}/tokens`;

  const issued = IssuedApiToken.parse(
    await call(tokens, asOperator(), { name: 'rotation', scopes: CLIENT_SCOPES, ttl_seconds: 3_600, action_id: 'rotation' }),
  );

  await send(`${gateway}/admin/tenants/${DEMO.tenant_id}/connections/warehouse`, asOperator(), fleet.warehouse.connection, 'PUT');

  async function redeem(): Promise<string> {
    const handles = `${tokens}/${issued.token_id}/action-handles`;
    const { action_handle } = IssuedActionHandle.parse(await call(handles, asOperator(), { action_id: 'report', scopes: ['chat:write'] }));
    const redeeming = { handle: action_handle, action_id: 'report', scopes: ['chat:write'], ttl_seconds: 900 };
    return ActionBearerResponse.parse(await call(`${gateway}/v1/action-bearers`, bearer(issued.token), redeeming)).bearer;
  }

  async function complete(headers: Readonly<Record<string, string>>, question = 'Is it there?'): Promise<void> {
    const body = { model: MODEL, messages: [{ role: 'user', content: question }] };
    const answer = (await call(`${gateway}/v1/chat/completions`, headers, body)) as { choices: [{ message: { content: string } }] };
    expectText(answer.choices[0].message.content);
  }

  async function stream(): Promise<void> {
    const body = { model: MODEL, stream: true, messages: [{ role: 'user', content: 'Is it there?' }] };
    const response = await send(`${gateway}/v1/chat/completions`, asChatSource(), body);
    const text = await response.text();
    if (!text.trimEnd().endsWith('data: [DONE]')) throw new Error(`the stream was cut off: ${text.slice(-300)}`);
    expectText([...text.matchAll(/"content":"([^"]*)"/g)].map(([, piece]) => piece).join(''));
  }

  /** Entrance of the helpers for runs, which take a stack. */
  const entrance = {
    get keys() {
      return { GATEWAY_API_KEY: secretOf('GATEWAY_API_KEY') } as never;
    },
    urls: { gateway } as never,
    demo: DEMO,
  };
  async function runInBackground(): Promise<void> {
    const { runId } = await beginRun(entrance, { model: MODEL, messages: [{ role: 'user', content: 'Is it there?' }] });
    const events = await readRunEvents(entrance, runId);
    const failure = events.find(({ type }) => type === 'error');
    if (failure !== undefined) throw new Error(`the run failed: ${JSON.stringify(failure.data)}`);
    expectText(textOf(events));
  }

  let linked = 0;
  async function administer(): Promise<void> {
    linked += 1;
    const sender_id = `+1555020${linked}`;
    const bindings = `${gateway}/admin/identity-bindings`;
    await call(bindings, asOperator(), { sender_id, tenant_id: DEMO.tenant_id });
    await complete({ ...bearer(secretOf('GATEWAY_API_KEY')), [HEADERS.sessionId]: sender_id, [HEADERS.senderId]: sender_id });
    await send(`${bindings}/${encodeURIComponent(sender_id)}`, asOperator(), undefined, 'DELETE');
  }

  async function scrape(): Promise<void> {
    const response = await send(`${fleet.urlOf('orchestrator')}/metrics`, bearer(secretOf('METRICS_API_KEY')));
    if (!(await response.text()).includes('rubot_')) throw new Error('no metrics');
  }

  async function callTool(dataBearer: string, tool: { readonly name: string; readonly arguments: object }): Promise<void> {
    const url = `${fleet.urlOf('middleware')}/data/${DEMO.tenant_id}/tools/${tool.name}/call`;
    const found = JSON.stringify(await call(url, bearer(dataBearer), { arguments: tool.arguments }));
    if (!found.includes('quantity_on_hand')) throw new Error(`nothing was found: ${found}`);
  }

  async function askWarehouse(): Promise<void> {
    const { data } = await signTokens(secretOf('BEARER_SIGNING_SECRET'), issued.token_id);
    await callTool(data, { name: WAREHOUSE_TOOL, arguments: {} });
  }

  const signed = await signTokens(secrets['BEARER_SIGNING_SECRET']?.old ?? '', issued.token_id);
  const redeemed = await redeem();

  async function renew(): Promise<void> {
    const fresh = await call(`${gateway}/internal/bearers`, bearer(secretOf('GATEWAY_API_KEY')), { grant: signed.grant });
    await callTool(RenewBearerResponse.parse(fresh).bearer, LOOK_UP);
  }

  return {
    deeds: [
      { name: 'completion', act: () => complete(asChatSource()) },
      { name: 'tool with a sealed credential', act: askWarehouse },
      { name: 'stream', act: stream },
      { name: 'background run', act: runInBackground },
      { name: 'completion with an API token', act: () => complete(bearer(issued.token)) },
      { name: 'action of a moment', act: async () => complete(bearer(await redeem())) },
      { name: 'administration', act: administer },
      { name: 'scrape', act: scrape },
      { name: 'data bearer of before', act: () => callTool(signed.data, LOOK_UP) },
      { name: 'grant of before', act: renew },
      { name: 'action bearer of before', act: () => complete(bearer(redeemed)) },
    ],
    tokenId: issued.token_id,
    askPatiently: () => complete(asChatSource(), WAIT),
    async createPin() {
      return CreatedLinkPin.parse(await call(`${gateway}/admin/tenants/${DEMO.tenant_id}/link-pins`, asOperator(), {})).pin;
    },
    async linkBy(pin, senderId) {
      const headers = { ...bearer(secretOf('GATEWAY_API_KEY')), [HEADERS.sessionId]: senderId, [HEADERS.senderId]: senderId };
      await call(`${gateway}/v1/link`, headers, { pin });
      await complete(headers);
    },
    async reencrypt() {
      for (let remaining = 1; remaining > 0; ) {
        const report = ReencryptReport.parse(await call(`${gateway}/admin/credentials/reencrypt`, asOperator(), {}));
        if (report.unreadable > 0) throw new Error(`${report.unreadable} credentials cannot be read`);
        remaining = report.remaining;
      }
    },
  };
}

export function bearer(secret: string): Record<string, string> {
  return { authorization: `Bearer ${secret}` };
}

function expectText(text: string): void {
  if (text !== FOUND) throw new Error(`another answer: ${text}`);
}

async function call(url: string, headers: Readonly<Record<string, string>>, body?: unknown): Promise<unknown> {
  return (await send(url, headers, body)).json();
}

/** @throws with the answer, where it is a refusal */
async function send(url: string, headers: Readonly<Record<string, string>>, body?: unknown, method = body === undefined ? 'GET' : 'POST') {
  const response = await fetch(url, {
    method,
    headers: { ...headers, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (!response.ok) throw new Error(`${method} ${new URL(url).pathname}: status ${response.status}: ${await response.text()}`);
  return response;
}
