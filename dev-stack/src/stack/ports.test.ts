import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { assertFree, findPorts } from './ports.ts';

describe('findPorts', () => {
  it('finds one a name, each free and below those that the system hands out', async () => {
    const ports = Object.values(await findPorts(['a', 'b', 'c', 'd']));
    expect(new Set(ports).size).toBe(4);
    for (const port of ports) {
      await assertFree(port);
      expect(port).toBeLessThan(32_768);
    }
  });
});

describe('assertFree', () => {
  it('says how to choose another port', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    await expect(assertFree(port)).rejects.toThrow(
      `Port ${port} is taken. Stop what listens there, or choose another: npm start -- --port ${port + 1}`,
    );
    server.close();
  });
});
