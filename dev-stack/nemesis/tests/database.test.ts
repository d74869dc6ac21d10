import { describe } from 'vitest';
import { databaseCrashes } from '../nemeses/database-crashes.ts';
import { readOnly } from '../nemeses/read-only.ts';
import { itSurvives } from './_strike.ts';

describe('durable runs, when their database goes', () => {
  itSurvives(databaseCrashes);
  itSurvives(readOnly);
});
