import { describe } from 'vitest';
import { cancels } from '../nemeses/cancels.ts';
import { takeover } from '../nemeses/takeover.ts';
import { itSurvives } from './_strike.ts';

describe('durable runs, held to a time', () => {
  itSurvives(takeover);
  itSurvives(cancels);
});
