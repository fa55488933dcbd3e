import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { MediaUpdateAnswer, RoomMediaUpdate } from '@weir/protocol';
import { SignJWT } from 'jose';
import { afterEach, describe, expect, it } from 'vitest';
import { PodCallRefused, PodControlError } from './errors.ts';
import { deliverMedia, PodClient } from './pod-client.ts';
import { keyOfPod, type PodSecrets, parsePodSecrets, podKeyText } from './secrets.ts';
import { SignalingClient } from './signaling-client.ts';
import { parseBody, verifyPodCall, verifyReport } from './verify.ts';

const secretA = 'a'.repeat(32);
const secretB = 'b'.repeat(32);
const start = Date.UTC(2027, 0, 1);

/** A pod's gate without the pod: what `PodClient` sends goes straight through `verifyPodCall`. */
function gate(podId: string, secrets: PodSecrets, now = () => start) {
  const seen: { request: string; body: string }[] = [];
  const send = async (url: string, init: RequestInit) => {
    const request = new Request(url, init);
    try {
      const body = await verifyPodCall(request, podId, { secrets, now });
      seen.push({
        request: `${request.method} ${new URL(url).pathname}`,
        body: new TextDecoder().decode(body),
      });
      return Response.json({ applied: true, version: 4 } satisfies MediaUpdateAnswer);
    } catch (error) {
      if (error instanceof PodCallRefused) return error.toResponse();
      throw error;
    }
  };
  return { seen, send };
}

const pod = { id: 'pod-1', controlUrl: 'http://10.0.0.7:4001' };

function update(fields: Partial<RoomMediaUpdate> = {}): RoomMediaUpdate {
  return {
    roomId: 'daily',
    version: 4,
    base: 3,
    put: { transports: [], receivers: [], senders: [] },
    remove: { transports: [], receivers: [], senders: [] },
    keyFrames: [],
    ...fields,
  };
}

async function refusalOf(promise: Promise<unknown>): Promise<PodControlError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(PodControlError);
  return error as PodControlError;
}

describe('a signed call', () => {
  it('passes the gate of the pod it is for', async () => {
    const { seen, send } = gate('pod-1', [secretA]);
    const client = new PodClient({ secrets: [secretA], fetch: send, now: () => start });
    expect(await client.applyMedia(pod, update())).toEqual({ applied: true, version: 4 });
    expect(seen).toEqual([{ request: 'PUT /v1/rooms/daily/media', body: JSON.stringify(update()) }]);
  });

  it('is refused by another pod', async () => {
    const { seen, send } = gate('pod-2', [secretA]);
    const client = new PodClient({ secrets: [secretA], fetch: send, now: () => start });
    const error = await refusalOf(client.applyMedia(pod, update()));
    expect(error).toMatchObject({ failure: 'refused', status: 401 });
    expect(error.message).toContain("the key is another pod's");
    expect(seen).toEqual([]);
  });

  it('is refused when it has expired, with a word about clocks', async () => {
    const inTime = gate('pod-1', [secretA], () => start + 74_000);
    const late = gate('pod-1', [secretA], () => start + 76_000);
    const client = (send: typeof late.send) =>
      new PodClient({ secrets: [secretA], fetch: send, now: () => start });
    await client(inTime.send).applyMedia(pod, update());
    const error = await refusalOf(client(late.send).applyMedia(pod, update()));
    expect(error.message).toContain('clocks');
  });

  it('verifies with each secret, so that secrets can be rotated', async () => {
    const old = new PodClient({
      secrets: [secretA],
      fetch: gate('pod-1', [secretB, secretA]).send,
      now: () => start,
    });
    await old.applyMedia(pod, update());
    const rotated = new PodClient({
      secrets: [secretB, secretA],
      fetch: gate('pod-1', [secretA, secretB]).send,
      now: () => start,
    });
    await rotated.applyMedia(pod, update());
    const foreign = new PodClient({
      secrets: [secretA],
      fetch: gate('pod-1', [secretB]).send,
      now: () => start,
    });
    expect((await refusalOf(foreign.applyMedia(pod, update()))).message).toContain(
      'WEIR_POD_SECRETS differs',
    );
  });

  it('holds for its own body and path only', async () => {
    const captured: { url: string; init: RequestInit }[] = [];
    const client = new PodClient({
      secrets: [secretA],
      now: () => start,
      fetch: async (url, init) => {
        captured.push({ url, init });
        return Response.json({ applied: true, version: 4 });
      },
    });
    await client.applyMedia(pod, update());
    const { url, init } = captured[0]!;
    const options = { secrets: [secretA] as const, now: () => start };
    const otherBody = new Request(url, { ...init, body: JSON.stringify(update({ version: 5 })) });
    await expect(verifyPodCall(otherBody, 'pod-1', options)).rejects.toThrow('another body');
    const otherPath = new Request(url.replace('daily', 'weekly'), init);
    await expect(verifyPodCall(otherPath, 'pod-1', options)).rejects.toThrow('another request');
    await expect(verifyPodCall(new Request(url, init), 'pod-1', options)).resolves.toBeDefined();
  });

  it('cannot be made to live long, nor be of another kind of token', async () => {
    const sign = async (typ: string, seconds: number) =>
      new SignJWT({ req: 'GET /v1/rooms', sha: '' })
        .setProtectedHeader({ alg: 'HS256', typ })
        .setIssuer('weir-signaling')
        .setAudience('pod-1')
        .setIssuedAt(start / 1000)
        .setExpirationTime(start / 1000 + seconds)
        .sign(await keyOfPod(secretA, 'pod-1'));
    const call = async (token: string) =>
      await verifyPodCall(
        new Request('http://pod/v1/rooms', { headers: { authorization: `Bearer ${token}` } }),
        'pod-1',
        { secrets: [secretA], now: () => start },
      );
    await expect(call(await sign('weir-call+jwt', 3600))).rejects.toThrow('longer than 60 s');
    await expect(call(await sign('JWT', 30))).rejects.toMatchObject({ code: 'unauthorized' });
    await expect(call('nonsense')).rejects.toMatchObject({ code: 'unauthorized' });
  });

  it('is refused when its body is too long, announced or not', async () => {
    const options = { secrets: [secretA] as const, now: () => start, maxBytes: 8 };
    const captured: { url: string; init: RequestInit }[] = [];
    const client = new PodClient({
      secrets: [secretA],
      now: () => start,
      fetch: async (url, init) => {
        captured.push({ url, init });
        return Response.json({ applied: true, version: 4 });
      },
    });
    await client.applyMedia(pod, update());
    const { url, init } = captured[0]!;
    const tooLarge = { code: 'payload-too-large' };
    await expect(verifyPodCall(new Request(url, init), 'pod-1', options)).rejects.toMatchObject(tooLarge);
    const headers = { ...(init.headers as Record<string, string>), 'content-length': '9' };
    const announced = new Request(url, { ...init, headers });
    await expect(verifyPodCall(announced, 'pod-1', options)).rejects.toMatchObject(tooLarge);
  });

  it.each([
    ['no token', undefined],
    ['a token of a stranger', 'another secret of somebody else, of at least 32'],
    ['a token for another path', secretA],
  ])('is refused with %s before a byte of its body is read', async (_, secret) => {
    const options = { secrets: [secretA] as const, now: () => start };
    const token =
      secret === undefined
        ? undefined
        : await new SignJWT({ req: 'POST /v1/elsewhere', sha: '' })
            .setProtectedHeader({ alg: 'HS256', typ: 'weir-call+jwt' })
            .setIssuer('weir-signaling')
            .setAudience(['pod-1', 'weir-signaling'])
            .setIssuedAt(start / 1000)
            .setExpirationTime(start / 1000 + 30)
            .sign(await keyOfPod(secret, 'pod-1'));
    for (const verify of [verifyPodCall, verifyReport]) {
      let pulls = 0;
      const body = new ReadableStream<Uint8Array>(
        {
          pull: (controller) => {
            pulls += 1;
            controller.enqueue(new Uint8Array(1024));
          },
        },
        { highWaterMark: 0 },
      );
      const request = new Request('http://weir.example/v1/drain', {
        method: 'POST',
        body,
        duplex: 'half',
        headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
      } as RequestInit);
      await expect(verify(request, 'pod-1', options)).rejects.toMatchObject({ code: 'unauthorized' });
      expect(pulls).toBe(0);
      expect(request.bodyUsed).toBe(false);
    }
  });

  it('goes through a gateway that takes its own path away', async () => {
    const { send } = gate('pod-1', [secretA]);
    const client = new PodClient({
      secrets: [secretA],
      now: () => start,
      fetch: (url, init) => send(url.replace('/pods/1', ''), init),
    });
    await client.applyMedia({ id: 'pod-1', controlUrl: 'https://gateway.example/pods/1/' }, update());
  });
});

describe('a report', () => {
  const report = { podId: 'pod-1', epoch: 1, seq: 1, happenings: [] };
  const sent = async (podId: string, body: unknown) => {
    let request: Request | undefined;
    const client = new SignalingClient({
      podId,
      urls: ['https://weir.example'],
      secrets: [secretA],
      now: () => start,
      fetch: async (url, init) => {
        request = new Request(url, init);
        return Response.json({ seq: 1, leaseSeconds: 15 });
      },
    });
    await client.report(body as never);
    return request!;
  };
  const options = { secrets: [secretA] as const, now: () => start };

  it('is read when it comes from the pod it names', async () => {
    expect(await verifyReport(await sent('pod-1', report), 'pod-1', options)).toEqual(report);
  });

  it('is refused from another pod', async () => {
    await expect(verifyReport(await sent('pod-2', report), 'pod-1', options)).rejects.toMatchObject({
      code: 'unauthorized',
    });
    await expect(verifyReport(await sent('pod-2', report), 'pod-2', options)).rejects.toMatchObject({
      code: 'forbidden',
      field: 'podId',
    });
  });

  it('is refused with the field at fault', async () => {
    const bad = await sent('pod-1', { ...report, seq: 0 });
    await expect(verifyReport(bad, 'pod-1', options)).rejects.toMatchObject({
      code: 'invalid-parameter',
      field: 'seq',
      status: 422,
    });
  });

  it('is never accepted as a call to a pod', async () => {
    const request = await sent('pod-1', report);
    await expect(verifyPodCall(request, 'pod-1', options)).rejects.toMatchObject({ code: 'unauthorized' });
  });
});

describe('failures', () => {
  const closers: (() => void)[] = [];
  afterEach(() => {
    for (const close of closers.splice(0)) close();
  });

  /** A pod on loopback that behaves badly. */
  async function server(handler: Parameters<typeof createServer>[1]): Promise<string> {
    const http = createServer(handler!);
    await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
    closers.push(() => {
      http.closeAllConnections();
      http.close();
    });
    return `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
  }

  it('tries again once after a broken connection', async () => {
    let calls = 0;
    const controlUrl = await server((request, response) => {
      calls += 1;
      if (calls === 1) request.socket.destroy();
      else response.end(JSON.stringify({ applied: true, version: 4 }));
    });
    const client = new PodClient({ secrets: [secretA] });
    expect(await client.applyMedia({ id: 'pod-1', controlUrl }, update())).toMatchObject({ applied: true });
    expect(calls).toBe(2);
  });

  it('gives up on a pod that never answers, after two attempts', async () => {
    let calls = 0;
    const client = new PodClient({
      secrets: [secretA],
      attemptTimeoutMs: 10,
      timeoutMs: 10_000,
      fetch: (_url, init) => {
        calls += 1;
        return new Promise((_resolve, reject) => {
          init.signal!.addEventListener('abort', () => reject(init.signal!.reason));
        });
      },
    });
    const error = await refusalOf(client.applyMedia(pod, update()));
    expect(error).toMatchObject({ failure: 'unreachable' });
    expect(error.message).toContain('no answer in time');
    expect(calls).toBe(2);
  });

  it('does not repeat what was refused, and tells status and problem', async () => {
    let calls = 0;
    const controlUrl = await server((_request, response) => {
      calls += 1;
      response.statusCode = 413;
      response.end(
        JSON.stringify(new PodCallRefused('payload-too-large', 'The body is too long.').toProblem()),
      );
    });
    const client = new PodClient({ secrets: [secretA] });
    const error = await refusalOf(client.applyMedia({ id: 'pod-1', controlUrl }, update()));
    expect(error).toMatchObject({ failure: 'refused', status: 413, problem: { code: 'payload-too-large' } });
    expect(calls).toBe(1);
  });

  it('does not take any 200 for an answer', async () => {
    const controlUrl = await server((_request, response) => response.end('{"applied":"yes"}'));
    const client = new PodClient({ secrets: [secretA] });
    expect(await refusalOf(client.applyMedia({ id: 'pod-1', controlUrl }, update()))).toMatchObject({
      failure: 'bad-answer',
    });
  });

  it('ends with the caller', async () => {
    const controlUrl = await server(() => controller.abort(new Error('request gone')));
    const controller = new AbortController();
    const client = new PodClient({ secrets: [secretA] });
    await expect(
      client.applyMedia({ id: 'pod-1', controlUrl }, update(), { signal: controller.signal }),
    ).rejects.toThrow('request gone');
  });

  it('lets a pod go on to the next signaling address', async () => {
    const dead = await server((request) => request.socket.destroy());
    const alive = await server((_request, response) => response.end('{"seq":1,"leaseSeconds":15}'));
    const client = new SignalingClient({ podId: 'pod-1', urls: [dead, alive], secrets: [secretA] });
    const report = { podId: 'pod-1' as never, epoch: 1, seq: 1, happenings: [] };
    await expect(client.report(report)).rejects.toMatchObject({ failure: 'unreachable' });
    expect(await client.report(report)).toEqual({ seq: 1, leaseSeconds: 15 });
  });
});

describe('deliverMedia', () => {
  const full = update({ base: null, version: 6, keyFrames: [10000007] });

  function podAt(answers: MediaUpdateAnswer[]) {
    const sent: RoomMediaUpdate[] = [];
    return {
      sent,
      applyMedia: async (_pod: unknown, order: RoomMediaUpdate) => {
        sent.push(order);
        return answers[sent.length - 1]!;
      },
    };
  }

  it('sends the delta only, when it fits', async () => {
    const client = podAt([{ applied: true, version: 4 }]);
    const delivery = await deliverMedia(client, pod, update(), async () => {
      throw new Error('not needed');
    });
    expect(delivery).toEqual({ version: 4, whole: false });
    expect(client.sent).toHaveLength(1);
  });

  it('sends the whole, with the key frames of the delta, when the pod missed a step', async () => {
    const client = podAt([
      { applied: false, version: 1 },
      { applied: true, version: 6 },
    ]);
    const delivery = await deliverMedia(client, pod, update({ keyFrames: [10000001] }), async () => full);
    expect(delivery).toEqual({ version: 6, whole: true });
    expect(client.sent[1]).toEqual({ ...full, keyFrames: [10000007, 10000001] });
  });

  it('is content when the pod is already further', async () => {
    const client = podAt([{ applied: false, version: 9 }]);
    expect(await deliverMedia(client, pod, update(), async () => full)).toEqual({ version: 9, whole: false });
  });

  it('stops when the room is gone', async () => {
    const client = podAt([{ applied: false, version: 0 }]);
    expect(await deliverMedia(client, pod, update(), async () => undefined)).toEqual({
      version: 0,
      whole: false,
    });
  });

  it('reports a pod that takes neither', async () => {
    const client = podAt([
      { applied: false, version: 0 },
      { applied: false, version: 0 },
    ]);
    await expect(deliverMedia(client, pod, update(), async () => full)).rejects.toMatchObject({
      failure: 'bad-answer',
    });
  });
});

describe('parsePodSecrets', () => {
  it('reads a list', () => {
    expect(parsePodSecrets(` ${secretA}, ${secretB},`)).toEqual([secretA, secretB]);
  });

  it('refuses none and short ones, with the remedy and without the secret', () => {
    expect(() => parsePodSecrets(undefined)).toThrow('openssl rand -hex 32');
    expect(() => parsePodSecrets(`${secretA},hunter2`)).toThrow('secret 2 has fewer than 32 characters');
    expect(() => parsePodSecrets(`${secretA},hunter2`)).not.toThrow('hunter2');
  });
});

describe('parseBody', () => {
  it('tells what is not JSON', () => {
    const body = new TextEncoder().encode('{');
    expect(() => parseBody({} as never, body)).toThrow('not JSON');
  });
});

describe('keys of pods', () => {
  const now = () => start;
  const verify = (secret: string, request: Request, podId: string, epoch?: number) =>
    verifyPodCall(request, podId, { secrets: [secret], now, ...(epoch === undefined ? {} : { epoch }) });
  const call = async (podId: string, epoch?: number): Promise<Request> => {
    const calls: Request[] = [];
    const client = new PodClient({
      secrets: [secretA],
      now,
      fetch: async (url, init) => {
        calls.push(new Request(url, init));
        return Response.json({ podId, epoch: epoch ?? 1 });
      },
    });
    await client.pulse({ id: podId, controlUrl: 'http://pod', ...(epoch === undefined ? {} : { epoch }) });
    return calls[0]!;
  };

  it('a pod needs its own key only, and with it neither hears nor speaks for another', async () => {
    const [one, two] = [await podKeyText(secretA, 'pod-1'), await podKeyText(secretA, 'pod-2')];
    expect(parsePodSecrets(one)).toEqual([one]);
    expect(await podKeyText(one, 'pod-1')).toBe(one);
    await expect(verify(one, await call('pod-1'), 'pod-1')).resolves.toBeDefined();
    await expect(verify(two, await call('pod-1'), 'pod-1')).rejects.toMatchObject({ code: 'unauthorized' });

    const report = async (key: string, podId: string) => {
      const sent: Request[] = [];
      const client = new SignalingClient({
        podId,
        urls: ['http://weir'],
        secrets: [key],
        now,
        fetch: async (url, init) => {
          sent.push(new Request(url, init));
          return Response.json({ seq: 1, leaseSeconds: 15 });
        },
      });
      await client.report({ podId: podId as never, epoch: 1, seq: 1, happenings: [] });
      return await verifyReport(sent[0]!, podId, { secrets: [secretA], now });
    };
    await expect(report(one, 'pod-1')).resolves.toMatchObject({ podId: 'pod-1' });
    await expect(report(one, 'pod-2')).rejects.toMatchObject({ code: 'unauthorized' });
  });

  it('are the ones that other versions derive too', async () => {
    const key = 'weir-pod-key-dfe39167c372fc4c68d71b46f18c1ecf73b732fd7138c6a992ea79366995dbcc';
    expect(await podKeyText('a secret that never changes, of 32 characters', 'pod-1')).toBe(key);
  });

  it('are refused when cut short', () => {
    expect(() => parsePodSecrets(`weir-pod-key-${'a'.repeat(60)}`)).toThrow('not a whole pod key');
  });

  it('a call for an earlier start of the pod is refused', async () => {
    await expect(verify(secretA, await call('pod-1', 5), 'pod-1', 5)).resolves.toBeDefined();
    await expect(verify(secretA, await call('pod-1', 4), 'pod-1', 5)).rejects.toMatchObject({
      code: 'pod-restarted',
      status: 409,
    });
  });
});
