// Loaded before the program of a worker (`node --import`): its host's clock is wrong by so much.
const shiftMs = Number(process.env['RUBOT_CLOCK_SHIFT_MS'] ?? 0);
const TrueDate = Date;

class ShiftedDate extends TrueDate {
  constructor(...parts: [] | [number | string | Date]) {
    if (parts.length === 0) super(TrueDate.now() + shiftMs);
    else super(...parts);
  }

  static override now(): number {
    return TrueDate.now() + shiftMs;
  }
}

globalThis.Date = ShiftedDate as DateConstructor;
