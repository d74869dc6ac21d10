import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { createAgent, NewAgentError } from './new-agent/create-agent.ts';

const ROOT = join(import.meta.dirname, '..');

try {
  const name = process.argv[2] ?? '';
  const folder = createAgent({ root: ROOT, name });
  // Until the lockfile knows the new package, no script of this repository runs.
  const { status } = spawnSync('pnpm', ['install', '--no-frozen-lockfile'], { cwd: ROOT, stdio: ['ignore', 'ignore', 'inherit'] });
  if (status !== 0) throw new NewAgentError(`${folder} is there, but could not be linked. Run: npx pnpm install --no-frozen-lockfile`);
  console.log(`Made ${folder}. It answers already; now make it yours:

  1. src/agent.ts         what it is called, and the summary by which the planner finds it
     src/instructions.ts  its system prompt
     src/tools/           its tools, each with a test
  2. npm test -- ${folder}
                          runs the agent contract against it
  3. npm run gen          writes its variables into env-vars.md and its .env.example
  4. AGENT_REGISTRY_JSON  of the orchestrator: add "${name}": "http://<host>:<port>"`);
} catch (error) {
  if (!(error instanceof NewAgentError)) throw error;
  console.error(`new:agent: ${error.message}`);
  process.exitCode = 1;
}
