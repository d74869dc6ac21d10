import { describe } from 'vitest';
import { keys } from '../nemeses/keys.ts';
import { resume } from '../nemeses/resume.ts';
import { itSurvives } from './_strike.ts';

describe('durable runs, when clients come again, or come twice', () => {
  itSurvives(resume);
  itSurvives(keys);
});
