import { describe, expect, it } from 'vitest';
import { errors } from '../src/index.ts';
import { mediaCodecs, next, startServer } from './fixtures.ts';

describe('object-model.md §14.2, Server', () => {
  it('S1 server.updateSettings() with no options must succeed', async () => {
    await expect(startServer().updateSettings()).resolves.toBeUndefined();
  });

  it('S2 server.updateSettings() with valid options must succeed', async () => {
    await expect(startServer().updateSettings({ logLevel: 'warn' })).resolves.toBeUndefined();
  });

  it('S3 server.updateSettings() with invalid options must fail', async () => {
    await expect(startServer().updateSettings({ logLevel: 'chicken' as 'warn' })).rejects.toBeInstanceOf(
      Error,
    );
  });

  it('S4 server.updateSettings() in a closed server must fail', async () => {
    const server = startServer();
    const rejection = new Promise<unknown>((resolve) => {
      server.on('close', () => server.updateSettings({ logLevel: 'error' }).catch(resolve));
    });
    server.close();
    expect(await rejection).toBeInstanceOf(errors.InvalidStateError);
  });

  it('S5 server.createRoom() must succeed', async () => {
    const room = await startServer().createRoom({ mediaCodecs });
    const closed = next(room, 'close');
    room.close();
    expect(await closed).toEqual([undefined]);
  });

  it('S6 server.createRoom() in a closed server must fail', async () => {
    const server = startServer();
    server.close();
    await expect(server.createRoom({ mediaCodecs })).rejects.toBeInstanceOf(errors.InvalidStateError);
  });

  it('S7 server.dump() must succeed', async () => {
    const dump = await startServer({ numWorkers: 2 }).dump();
    expect(Object.keys(dump.workers)).toHaveLength(2);
  });
});
