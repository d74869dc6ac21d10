/** A round is one turn of every subject; ratios are taken within rounds. */
export interface RoundPlan {
  readonly rounds: number;
  readonly turnMs: number;
}

/** Measures every subject once a round, in turn (A B A B), and gives each one's results in the order of the rounds. */
export async function takeTurns<Subject extends string, Result>(
  subjects: readonly Subject[],
  { rounds, turnMs }: RoundPlan,
  measure: (subject: Subject, turnMs: number) => Promise<Result>,
): Promise<Record<Subject, Result[]>> {
  const results = Object.fromEntries(subjects.map((subject) => [subject, []])) as unknown as Record<Subject, Result[]>;
  for (let round = 0; round < rounds; round += 1) {
    for (const subject of subjects) results[subject].push(await measure(subject, turnMs));
  }
  return results;
}
