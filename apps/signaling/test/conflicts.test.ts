import { ConflictError, migrate, openSqlite } from '@weir/db';
import { expect, it } from 'vitest';
import { Instance } from './harness.ts';

it('a report that others are faster than every time is to be sent again, and is no defect', async () => {
  const driver = openSqlite(':memory:');
  await migrate(driver);
  const fine = new Instance({ connect: () => driver });
  await fine.lease('pod-1');
  const losing = new Instance(
    { connect: () => ({ ...driver, write: () => Promise.reject(new ConflictError()) }) },
    { clock: fine.clock, pods: fine.pods },
  );
  const pod = fine.pod('pod-1');
  let reply: Response | undefined;
  const client = pod.client({
    fetch: async (url, init) => {
      reply = await losing.app.fetch(new Request(url, init));
      throw new Error('one answer is enough');
    },
    attemptTimeoutMs: 20_000,
    timeoutMs: 1,
  });
  const report = { podId: 'pod-1' as never, epoch: pod.epoch, seq: 2, lease: pod.lease(), happenings: [] };
  const sent = client.report(report).catch(() => {});
  await fine.clock.until(sent, 60_000);
  expect(reply?.status).toBe(503);
  expect(reply?.headers.get('retry-after')).toBe('1');
  expect(await reply?.json()).toMatchObject({ code: 'store-unavailable' });
});
