import { StoreUnavailableError } from '@weir/db';
import { PodClient, traceHeaders } from '@weir/pod-control';
import { describe, expect, it } from 'vitest';
import { asyncScopes } from '../src/entry/async-scopes.ts';
import type { Logger } from '../src/logger.ts';
import { onSqlite } from './databases.ts';
import { FakePods } from './fake-pods.ts';
import { Instance, podSecrets } from './harness.ts';
import { capabilities, dtls, opus } from './media.ts';
import { StreamReader } from './stream-reader.ts';
import { settle } from './virtual-clock.ts';
import { Receiver, secrets } from './webhook-receiver.ts';

type Line = Record<string, unknown> & { level: string; message: string };

function capturing(): { logger: Logger; lines: Line[] } {
  const lines: Line[] = [];
  const write = (level: string) => (fields: Record<string, unknown>, message: string) =>
    void lines.push({ level, message, ...fields });
  return {
    logger: { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') },
    lines,
  };
}

onSqlite((open) => {
  describe('logs', () => {
    it('of a whole session say which request, room and peer, and never a token or secret', async () => {
      const { logger, lines } = capturing();
      const receiver = new Receiver();
      const endpoint = { id: 'main', url: 'https://backend.example/?key=hidden-key' };
      const database = await open();
      let down = false;
      const connect = () => {
        const driver = database.connect();
        const read: typeof driver.read = (statements) =>
          down ? Promise.reject(new StoreUnavailableError('away')) : driver.read(statements);
        return { ...driver, read };
      };
      const weir = new Instance(
        { connect },
        {
          logger,
          scopes: asyncScopes(),
          sendWebhook: receiver.send,
          env: { WEIR_WEBHOOKS: JSON.stringify([endpoint]), WEIR_WEBHOOK_SECRETS: secrets[0] },
        },
      );
      receiver.answer = () => ({ status: receiver.got.length === 1 ? 500 : 200 });
      weir.app.services.deliverer.start();
      await weir.lease('pod-1');
      const admin = await weir.admin();
      await weir.ok('POST', '/v1/rooms', { token: admin, body: { id: 'daily' } });
      const room = '/v1/rooms/daily';
      const alice = await weir.join(room, 'alice');
      const rtpCapabilities = capabilities(alice.answer.snapshot.room as never);
      await alice.ok('PUT', '/capabilities', { rtpCapabilities });
      const transport = await alice.ok('POST', '/transports', {});
      const restarted = await alice.ok('POST', `/transports/${transport.id}/ice-restart`);
      await alice.ok('PUT', `/transports/${transport.id}/dtls`, { dtlsParameters: dtls });
      const body = { kind: 'audio', transportId: transport.id, rtpParameters: opus(1000) };
      await alice.ok('POST', '/receivers', body);
      const { ticket } = await alice.ok('POST', '/events/ticket');
      const accept = { accept: 'text/event-stream' };
      const stream = await weir.fetch('GET', `${alice.path}/events?ticket=${ticket}`, { headers: accept });
      const reader = new StreamReader(stream);
      await reader.until(() => reader.events.length > 0);
      await alice.events();
      // What goes wrong is logged more willingly.
      weir.pods.down.add('pod-1');
      await alice.call('POST', `/transports/${transport.id}/ice-restart`);
      await alice.call('POST', '/receivers', { kind: 'audio', rtpParameters: 'wrong' });
      await weir.call('GET', room, { token: `${admin}x` });
      await weir.call('GET', `${alice.path}/events?ticket=${ticket}x`);
      down = true;
      expect((await weir.call('GET', room, { token: admin })).status).toBe(503);
      down = false;
      await weir.ok('DELETE', alice.path, { token: admin });
      await weir.clock.advance(5000);
      await weir.sweeper.sweep();
      await reader.cancel();
      await weir.clock.until(weir.app.services.deliverer.stop());

      const text = JSON.stringify(lines);
      const { iceParameters } = restarted;
      const password: string = (iceParameters ?? restarted).password;
      expect(password.length).toBeGreaterThan(20);
      const hidden = {
        admin,
        alice: alice.token,
        ticket,
        signatures: alice.token.split('.')[2]!,
        firstPassword: transport.iceParameters.password,
        password,
        podSecret: podSecrets[0],
        webhookSecret: secrets[0],
        webhookKey: 'hidden-key',
        apiSecret: 'a secret for tests of at least 32 characters',
      };
      for (const [what, secret] of Object.entries(hidden)) {
        expect(secret.length, what).toBeGreaterThan(5);
        expect(text.includes(secret), what).toBe(false);
      }
      expect(text).not.toMatch(/eyJ[\w-]{10}/);
      const published = lines.find(
        ({ path, status }) => path === `${alice.path}/receivers` && status === 201,
      );
      expect(published).toMatchObject({ room: 'daily', peer: alice.id, method: 'POST' });
      expect(published!.request).toMatch(/^[0-9a-f-]{36}$/);
      expect(published!.trace).toMatch(/^[0-9a-f]{32}$/);
      for (const level of ['debug', 'warn', 'error'])
        expect(lines.some((line) => line.level === level)).toBe(true);
    });

    it('a trace is taken from the request, stands in all its lines, and goes on to the pod', async () => {
      const { logger, lines } = capturing();
      const scopes = asyncScopes();
      const calls: (string | null)[] = [];
      const pods = new FakePods();
      const client = new PodClient({
        secrets: podSecrets,
        headers: () => traceHeaders(scopes.current()?.trace),
        fetch: async (_, init) => {
          calls.push(new Headers(init.headers).get('traceparent'));
          // Unreachable, so that signaling has something to log.
          throw new Error('no route to pod');
        },
      });
      pods.applyMedia = async (pod, update) =>
        await client.applyMedia({ ...pod, controlUrl: 'http://pod.test' }, update);
      const weir = new Instance(await open(), { logger, scopes, pods });
      await weir.lease('pod-1');
      const alice = await weir.join(await weir.room(), 'alice');
      const traces = ['1', '2'].map((digit) => digit.repeat(32));
      // At once, so that both updates go through one queue.
      const created = Promise.all(
        traces.map((trace) =>
          weir.call('POST', `${alice.path}/transports`, {
            token: alice.token,
            body: {},
            headers: { traceparent: `00-${trace}-00f067aa0ba902b7-01` },
          }),
        ),
      );
      await weir.clock.until(created);
      await settle(20);
      for (const trace of traces) {
        const sent = calls.find((header) => header?.includes(trace));
        expect(sent).toMatch(new RegExp(`^00-${trace}-[0-9a-f]{16}-01$`));
        expect(sent).not.toContain('00f067aa0ba902b7');
        const told = lines.filter((line) => line.trace === trace).map(({ message }) => message);
        expect(told).toContain('a pod could not be told; its next lease will show the difference');
      }
    });
  });
});
