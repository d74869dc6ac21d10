export const MAX_TABLES = 100;
export const MAX_COLUMNS = 64;
export const MAX_ROWS_PER_TABLE = 50_000;
export const MAX_ROWS_PER_INSERT = 500;
export const MAX_ROWS_PER_DELETE = 500;
/** Under the default MAX_BODY_BYTES, so that a text too long for a table is told apart from a body too large to read. */
export const MAX_CSV_CHARACTERS = 900_000;
export const MAX_CELL_CHARACTERS = 4_000;
/** Of the row as JSON; with the limit of a query it bounds what one answer of the database can hold. */
export const MAX_ROW_CHARACTERS = 16_000;
export const MAX_NAME_CHARACTERS = 64;

export const MAX_QUERY_ROWS = 200;
export const DEFAULT_QUERY_ROWS = 50;
