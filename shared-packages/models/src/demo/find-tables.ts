import type { CatalogueTable } from './catalogue.ts';
import { createQuestion } from './question.ts';
import { countShared, toKeywords, toStems } from './words.ts';

/** The tables that a question calls by their names. */
export function findNamedTables(text: string, tables: readonly CatalogueTable[]): readonly CatalogueTable[] {
  // "Order by" sorts; it speaks of no orders.
  const question = createQuestion(text.replace(/\border(?:ed)?(?= by\b)|\bin order\b/giu, ''));
  const named = tables.filter(({ name }) => question.spansOf(toStems(name)).length > 0);
  // "Order items" are no orders.
  return named.filter(({ name }) => !named.some((other) => other.name !== name && holdsName(other.name, name)));
}

function holdsName(longer: string, name: string): boolean {
  const stems = toStems(longer);
  return stems.length > toStems(name).length && toStems(name).every((stem) => stems.includes(stem));
}

/** The tables that a question which names none may be about: those that share most words with it. */
export function findLikelyTables(text: string, tables: readonly CatalogueTable[]): readonly CatalogueTable[] {
  const wanted = toKeywords(text);
  const scores = tables.map((table) => countShared(wanted, toKeywords([table.name, ...table.columns.map(({ name }) => name)].join(' '))));
  const best = Math.max(0, ...scores);
  return best === 0 ? [] : tables.filter((_, index) => scores[index] === best);
}
