const MAX_LENGTH = 64;

/** `<provider>_<operation>`, in the letters that tools of any model may have. A long one is cut, and stays apart from others so cut. */
export function toToolName(providerId: string, operation: string): string {
  const name = `${providerId}_${operation.replace(/[^A-Za-z0-9_-]+/g, '_')}`;
  if (name.length <= MAX_LENGTH) return name;
  const tail = `_${checksum(name)}`;
  return name.slice(0, MAX_LENGTH - tail.length) + tail;
}

/** FNV-1a: to tell names apart, not to keep anyone from making two alike. Two that are alike are found where they are collected. */
function checksum(text: string): string {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  return (hash >>> 0).toString(16).padStart(8, '0');
}
