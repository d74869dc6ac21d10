/** Where a person links this sender to a tenant. */
export function toLinkingPage(linkUrl: string, senderId: string): string {
  const url = new URL(linkUrl);
  url.searchParams.set('sender', senderId);
  return url.href;
}
