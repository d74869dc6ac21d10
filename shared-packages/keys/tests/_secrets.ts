export const SECRET = 'kJ8vQ2nX5bR9tY4wZ7mC1pL6dF3gH0sA';
const FORMER_SECRET = 'aP3oI9uY5tR1eW7qL2kJ8hG4fD6sZ0xC';
export const ALONE = { current: SECRET, previous: undefined };
export const FORMER_ALONE = { current: FORMER_SECRET, previous: undefined };
/** Accepts what the former made. */
export const SWITCHED = { current: SECRET, previous: FORMER_SECRET };
