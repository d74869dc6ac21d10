import { afterAll, beforeAll, describe } from 'vitest';
import { checkAnswers, checkClientTools } from './agent-contract/answers.ts';
import { checkApprovals } from './agent-contract/approvals.ts';
import { checkBadInput } from './agent-contract/bad-input.ts';
import { checkEndpoints } from './agent-contract/endpoints.ts';
import { checkFailures } from './agent-contract/failures.ts';
import { type AgentContractOptions, type AgentHarness, startAgent } from './agent-contract/harness.ts';
import { checkHeldWrites, checkHeldWritesOfOneStep } from './agent-contract/held-writes.ts';
import { checkOpenCalls } from './agent-contract/open-calls.ts';
import { checkStepHeaders } from './agent-contract/step-headers.ts';
import { checkMiddlewareTools, checkTraces } from './agent-contract/traces.ts';

/** The suite that every agent passes: over a real socket, with a simulated model and a stand-in for the middleware. */
export function describeAgentContract(options: AgentContractOptions): void {
  describe(`the agent ${options.agent.id} keeps the agent contract`, () => {
    let started: AgentHarness;
    beforeAll(async () => {
      started = await startAgent(options);
    });
    afterAll(() => started.stop());
    const harness = (): AgentHarness => started;

    describe('endpoints', () => checkEndpoints(harness));
    describe('answers', () => checkAnswers(harness));
    describe('tools of the client', () => checkClientTools(harness));
    describe('failures', () => checkFailures(harness));
    describe('bad input', () => checkBadInput(harness));
    describe('traces', () => checkTraces(harness));
    describe('steps', () => checkStepHeaders(harness));
    describe('open calls', () => checkOpenCalls(harness));
    const [provider] = options.agent.middlewareTools;
    if (provider === undefined) return;
    describe('tools of the middleware', () => checkMiddlewareTools(harness, provider));
    describe('calls that write', () => checkHeldWrites(harness, provider));
    describe('calls that write in one step', () => checkHeldWritesOfOneStep(harness, provider));
    describe('calls that need approval', () => checkApprovals(harness, provider));
  });
}
