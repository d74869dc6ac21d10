const PINS = 1_000_000;
/** Numbers from here on are drawn again: else the lower PINs would be the likelier ones. */
const FAIR_BELOW = Math.floor(2 ** 32 / PINS) * PINS;

/** @param drawNumber any of the numbers below 2 to the 32nd, all alike */
export function drawPin(drawNumber: () => number = drawRandomNumber): string {
  let number = drawNumber();
  while (number >= FAIR_BELOW) number = drawNumber();
  return String(number % PINS).padStart(6, '0');
}

function drawRandomNumber(): number {
  const [number] = crypto.getRandomValues(new Uint32Array(1));
  return number ?? drawRandomNumber();
}
