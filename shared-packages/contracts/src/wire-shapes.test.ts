import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { Capabilities, StepEvent } from './internal/v1/agent.ts';
import { ApiTokenList, IssueApiToken, IssuedApiToken, ResolveApiTokenRequest, ResolveApiTokenResponse } from './internal/v1/api-tokens.ts';
import { AuditEntry, AuditHead, RecordAudit } from './internal/v1/audit.ts';
import { ActionClaims, BearerClaims, GrantClaims, VerifyBearerRequest, VerifyBearerResponse } from './internal/v1/bearer.ts';
import { Connection, SaveConnection } from './internal/v1/connections.ts';
import { CallToolRequest, CallToolResponse, Connections, ToolList } from './internal/v1/data.ts';
import { DeadLetterList, RedriveReport, RedriveRequest } from './internal/v1/dead-letters.ts';
import { ChallengeRequest, ChallengeResponse, Diagnosis } from './internal/v1/diagnosis.ts';
import { CreateIdentityBinding, IdentityBindingList } from './internal/v1/identity-bindings.ts';
import { CreatedLinkPin, UseLinkPinInternally, UseLinkPinResponse } from './internal/v1/link-pins.ts';
import { ResolveSessionRequest, ResolveSessionResponse } from './internal/v1/sessions.ts';
import { SaveTenant, SaveTenantAccess, Tenant } from './internal/v1/tenants.ts';
import { CallerLimits } from './limits.ts';
import { LogLine } from './log.ts';
import { ChatRequest } from './openai/chat-request.ts';
import { ChatCompletion, ChatCompletionChunk } from './openai/chat-response.ts';
import { RunEventPage, RunList, RunResource, Trace } from './runs.ts';

const SHAPES = {
  ChatRequest,
  ChatCompletion,
  ChatCompletionChunk,
  Capabilities,
  StepEvent,
  ResolveSessionRequest,
  ResolveSessionResponse,
  VerifyBearerRequest,
  VerifyBearerResponse,
  CreateIdentityBinding,
  IdentityBindingList,
  SaveTenant,
  SaveTenantAccess,
  Tenant,
  Connections,
  ToolList,
  CallToolRequest,
  CallToolResponse,
  LogLine,
  RunResource,
  RunList,
  RunEventPage,
  Trace,
  DeadLetterList,
  RedriveRequest,
  RedriveReport,
  BearerClaims,
  GrantClaims,
  ActionClaims,
  IssueApiToken,
  IssuedApiToken,
  ApiTokenList,
  ResolveApiTokenRequest,
  ResolveApiTokenResponse,
  CreatedLinkPin,
  UseLinkPinInternally,
  UseLinkPinResponse,
  AuditEntry,
  AuditHead,
  RecordAudit,
  SaveConnection,
  Connection,
  CallerLimits,
  ChallengeRequest,
  ChallengeResponse,
  Diagnosis,
};

describe('shapes on the wire', () => {
  it('change only on purpose: the difference in this file is what a reviewer looks at', async () => {
    const schemas = Object.fromEntries(
      Object.entries(SHAPES).map(([name, schema]) => [name, z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' })]),
    );
    await expect(`${JSON.stringify(schemas, null, 1)}\n`).toMatchFileSnapshot('../fixtures/wire-shapes.json');
  });

  it.each([
    ['ChatRequest', { messages: [{ role: 'user', content: 'hi' }] }],
    [
      'ChatRequest',
      {
        model: 'rubot/tables',
        messages: [
          {
            role: 'user',
            content: [
              { type: 'text', text: 'hi' },
              { type: 'image_url', image_url: { url: 'https://x/y.png' } },
            ],
          },
        ],
      },
    ],
    ['ChatRequest', { messages: [{ role: 'user', content: [{ type: 'a_part_of_2027', value: 1 }] }], n: null, stream: null, tools: null }],
    [
      'ChatRequest',
      {
        messages: [
          { role: 'developer', content: 'be brief' },
          { role: 'user', content: 'weather?' },
          {
            role: 'assistant',
            content: null,
            tool_calls: [{ id: 'c1', type: 'function', function: { name: 'weather', arguments: '{}' } }],
          },
          { role: 'tool', tool_call_id: 'c1', content: 'sunny' },
        ],
        tools: [{ type: 'function', function: { name: 'weather' } }],
        tool_choice: { type: 'function', function: { name: 'weather' } },
        response_format: { type: 'json_schema', json_schema: { name: 'w', schema: {} } },
      },
    ],
    ['ChatRequest', { messages: [{ role: 'assistant', content: '' }] }],
    ['ResolveSessionResponse', { status: 'linked', tenant_id: 'acme', allowed_agents: null, a_field_of_version_2: true }],
    ['ResolveSessionResponse', { status: 'unlinked' }],
    ['ChatCompletionChunk', { id: 'x', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [], usage: null }],
    [
      'ChatCompletionChunk',
      {
        id: 'x',
        object: 'chat.completion.chunk',
        created: 1,
        model: 'm',
        choices: [{ index: 0, delta: {}, finish_reason: 'a_reason_of_2027' }],
      },
    ],
    ['ResolveApiTokenResponse', { status: 'unknown' }],
    ['CallerLimits', { tenant: { requests_per_minute: 1, a_limit_of_2027: 2 } }],
    ['UseLinkPinResponse', { status: 'refused', a_field_of_2027: true }],
    ['Capabilities', { schema_version: '2', source_id: 'tables', name: 'Tables', summary: 'Knows tables.', tools: [], cost: 1 }],
  ] as const)('%s: takes %j', (name, value) => {
    expect(SHAPES[name].safeParse(value).error).toBeUndefined();
  });

  it.each([
    ['ChatRequest', { messages: [] }],
    ['ChatRequest', { messages: [{ role: 'assistant', content: null }] }],
    ['ChatRequest', { messages: [{ role: 'tool', content: 'x' }] }],
    ['ChatRequest', { messages: [{ role: 'user', content: 'x' }], n: 2 }],
    ['ChatRequest', { messages: [{ role: 'user', content: 'x' }], tools: [{ type: 'function', function: { name: 'drop table' } }] }],
    ['ResolveSessionRequest', { session_id: 's', sender_id: '../x' }],
    ['ResolveSessionRequest', { session_id: 'a\nb', sender_id: 'x' }],
    ['ResolveSessionResponse', { status: 'linked', tenant_id: '..', allowed_agents: null }],
    ['ResolveSessionResponse', { status: 'linked', tenant_id: 'acme' }],
    ['CreateIdentityBinding', { sender_id: 'x', tenant_id: 'acme', admin: true }],
    ['SaveTenant', { tenant_id: 'acme', name: 'Acme', agents: [{ agent_id: 'tables' }] }],
    ['SaveTenant', { tenant_id: 'acme', name: 'Acme', agent_policy: 'listed', agents: [{ agent_id: 'a' }, { agent_id: 'a' }] }],
    ['SaveTenant', { tenant_id: 'acme', name: 'Acme', tools: [{ tool: 'a' }, { tool: 'a' }] }],
    ['SaveTenant', { tenant_id: 'acme', name: 'Acme', limits: { requests_per_minute: -1 } }],
    ['SaveTenant', { tenant_id: 'acme', name: 'Acme', limits: { a_limit_of_2027: 1 } }],
    ['IssueApiToken', { name: 'x', scopes: ['chat:write', 'chat:write'], ttl_seconds: 60 }],
    ['IssueApiToken', { name: 'x', scopes: [], ttl_seconds: 60 }],
    ['IssueApiToken', { name: 'x', scopes: ['admin'], ttl_seconds: 60 }],
    ['IssueApiToken', { name: 'x', scopes: ['chat:write'], ttl_seconds: 60, tenant_id: 'another' }],
    ['UseLinkPinInternally', { pin: '12345', sender_id: 'x' }],
    ['UseLinkPinInternally', { pin: '１２３４５６', sender_id: 'x' }],
    ['Capabilities', { schema_version: '1', source_id: 'Tables', name: 'T', summary: 's', tools: [] }],
    ['Capabilities', { schema_version: '1', source_id: 'tables', name: 'T', summary: 's'.repeat(601), tools: [] }],
  ] as const)('%s: refuses %j', (name, value) => {
    expect(SHAPES[name].safeParse(value).success).toBe(false);
  });

  it('keeps fields that it does not know: a forwarder must not be what deletes them', () => {
    const request = { messages: [{ role: 'user', content: 'x', cache_control: { type: 'ephemeral' } }], field_of_2027: [1] };
    expect(ChatRequest.parse(request)).toMatchObject(request);
  });
});
