/** `843 ms`, `1.24 s`, `2 m 03 s`. */
export function formatDuration(durationMs: number): string {
  const rounded = Math.max(0, Math.round(durationMs));
  if (rounded < 1_000) return `${rounded} ms`;
  if (rounded < 60_000) return `${(rounded / 1_000).toFixed(2)} s`;
  const seconds = Math.round(rounded / 1_000);
  return `${Math.floor(seconds / 60)} m ${String(seconds % 60).padStart(2, '0')} s`;
}

/** Text of a log on a terminal: control characters could move the cursor or hide what stands before them. */
export function toPrintable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, ' ').trim();
}

/** At most `width` characters, the cut marked. */
export function truncate(text: string, width: number): string {
  const characters = [...text];
  if (characters.length <= width) return text;
  return width <= 1 ? '…'.slice(0, width) : `${characters.slice(0, width - 1).join('')}…`;
}

export function padTo(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - [...text].length));
}

/** Lines of at most `width` characters, broken between words where that is possible; all but the first are indented. */
export function wrap(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  let rest = text;
  for (let indent = ''; rest !== ''; indent = '  ') {
    const room = width - indent.length;
    const characters = [...rest];
    if (characters.length <= room) return [...lines, indent + rest];
    const head = characters.slice(0, room + 1).join('');
    const space = head.lastIndexOf(' ');
    const line = space > 0 ? head.slice(0, space) : characters.slice(0, room).join('');
    lines.push(indent + line);
    rest = rest.slice(line.length).trimStart();
  }
  return lines;
}
