import { describe, expect, it } from 'vitest';
import { toImageUrl } from './image-url.ts';

describe('an image of a client', () => {
  it.each([
    'https://example.com/a.png',
    'https://cdn.internal-tools.example.com./a.png?size=2',
    'https://münchen.de/a.png',
    'data:image/png;base64,iVBORw0KGgo=',
  ])('is read from a public host, or holds itself: %s', (url) => {
    expect(toImageUrl(url, 'public', 'p').href).toBe(new URL(url).href);
  });

  it.each([
    'http://example.com/a.png',
    'http://169.254.169.254/latest/meta-data/',
    'https://169.254.169.254/latest/meta-data/',
    'https://2852039166/',
    'https://0x7f.1/',
    'https://１２７.0.0.1/',
    'https://93.184.215.14/a.png',
    'https://[::1]/',
    'https://[::ffff:10.0.0.1]/',
    'https://localhost/',
    'https://LOCALHOST./',
    'https://vllm:8000/',
    'https://middleware.railway.internal/',
    'https://metadata.google.internal./',
    'https://api.default.svc.cluster.local/',
    'https://nas.home.arpa/',
    'file:///etc/passwd',
    'ftp://example.com/a.png',
    'gopher://example.com/',
  ])('is not read from where only we may look: %s', (url) => {
    expect(() => toImageUrl(url, 'public', 'messages[0].content[1].image_url.url')).toThrowError(
      expect.objectContaining({ code: 'invalid_request', param: 'messages[0].content[1].image_url.url' }),
    );
  });

  it('may lie anywhere where OpenAI reads it, from outside', () => {
    expect(toImageUrl('http://93.184.215.14/a.png', 'any', 'p').protocol).toBe('http:');
    expect(() => toImageUrl('file:///etc/passwd', 'any', 'p')).toThrowError(/data: url/);
  });
});
