import { defineAgent } from '@rubot/agent-kit/define-agent';
import { instructions } from './instructions.ts';
import { daysBetween } from './tools/days-between.ts';

export const agent = defineAgent({
  id: 'template',
  name: 'Template',
  summary: 'Counts the days between two dates. Replace this sentence by what your agent answers, in the words that questions about it use.',
  instructions,
  tools: { days_between: daysBetween },
});
