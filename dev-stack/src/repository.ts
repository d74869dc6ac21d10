/** The root of the checkout, with a closing slash. */
export const REPOSITORY = new URL('../../', import.meta.url);
