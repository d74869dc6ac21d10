/** Beside this file in the repository, and beside the bundle that is made of it. */
export const MIGRATIONS = new URL('./migrations/', import.meta.url);
