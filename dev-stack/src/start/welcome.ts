import type { Stack } from '../stack/start-stack.ts';
import { QUESTION } from './first-conversation.ts';

/** Where everything is, and one command to go on with. The key is read from its file, not shown. */
export function renderWelcome({ urls }: Stack, devFile: string, traceId: string | undefined): string {
  const agents = Object.entries(urls.agents).map(([id, url]) => [`agent-${id}`, url] as const);
  const places = [
    ['gateway', `${urls.gateway}/v1`],
    ['middleware', urls.middleware],
    ['orchestrator', urls.orchestrator],
    ...agents,
    ['keys, urls', devFile],
  ] as const;
  const width = Math.max(...places.map(([name]) => name.length));
  return `${places.map(([name, place]) => `${name.padEnd(width)}  ${place}`).join('\n')}

Ask something yourself, or give the URL and the token to any OpenAI client:
  curl -sN ${urls.gateway}/v1/chat/completions \\
    -H "Authorization: Bearer $(node -p "require('${devFile}').demo_token")" \\
    -H "Content-Type: application/json" \\
    -d '{"stream":true,"messages":[{"role":"user","content":"${QUESTION}"}]}'

Look at a request:  npm run rubot -- trace ${traceId ?? '<X-Rubot-Trace-Id>'}
Ctrl-C stops everything.
`;
}
