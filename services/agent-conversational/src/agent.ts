import { defineAgent } from '@rubot/agent-kit/define-agent';
import { instructions } from './instructions.ts';

export const agent = defineAgent({
  id: 'conversational',
  name: 'Conversation',
  summary:
    'Holds a general conversation: greets, explains, summarises, translates, drafts and rewrites texts such as mails, notes and messages. Knows no data of the tenant but what the conversation says.',
  instructions,
});
