// Joins a Weir room from a browser with nothing but fetch() and an unmodified mediasoup-client:
// publishes a stream and plays what the others publish. No SDK of Weir is involved.
import { Device } from 'mediasoup-client';

export async function joinRoom({ url, room, token, name, stream, onTrack, onEvent = () => {} }) {
  const call = async (method, path, body) => {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    const answer = await fetch(`${url}/v1/rooms/${room}${path}`, {
      method,
      headers,
      ...(body && { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return text ? JSON.parse(text) : undefined;
  };

  // 1. Load the device with what the room can do, then join with what the device can do.
  const device = new Device();
  await device.load({ routerRtpCapabilities: (await call('GET', '')).rtpCapabilities });
  const { recvRtpCapabilities: rtpCapabilities, sendRtpCapabilities } = device;
  const joined = await call('POST', '/peers', { name, rtpCapabilities, sendRtpCapabilities });
  const peer = `/peers/${joined.peer.id}`;

  // 2. One transport to send, one to receive.
  const transport = async (direction) => {
    const view = await call('POST', `${peer}/transports`, { direction });
    const local = direction === 'send' ? device.createSendTransport(view) : device.createRecvTransport(view);
    local.on('connect', ({ dtlsParameters }, done, failed) =>
      call('PUT', `${peer}/transports/${view.id}/dtls`, { dtlsParameters }).then(done, failed),
    );
    return local;
  };
  const receiving = await transport('recv');
  const sending = await transport('send');
  sending.on('produce', ({ kind, rtpParameters }, done, failed) =>
    call('POST', `${peer}/receivers`, { kind, rtpParameters, transportId: sending.id }).then(done, failed),
  );

  // 3. Play what is there already and whatever comes: bind, consume, then let it flow.
  const consumers = new Map();
  const play = async ({ id, rtpParameters: { codecs } }) => {
    if (codecs.length === 0 || consumers.has(id)) return;
    const bound = await call('PATCH', `${peer}/senders/${id}`, { transportId: receiving.id, enabled: false });
    const { consumerId, receiverId: producerId, kind, rtpParameters } = bound;
    const consumer = await receiving.consume({ id: consumerId, producerId, kind, rtpParameters });
    consumers.set(id, consumer);
    await call('PATCH', `${peer}/senders/${id}`, { enabled: true });
    onTrack(consumer.track, bound);
  };
  for (const sender of joined.snapshot.senders) await play(sender);

  // 4. Hear events by long polling, in order, from the cursor of the snapshot on.
  let open = true;
  const hear = async (cursor) => {
    const page = await call('GET', `${peer}/events?after=${cursor}&wait=25`);
    for (const event of page.events) {
      onEvent(event);
      if (event.type === 'newrtpsender') await play(event.data);
      if (event.type === 'close' && event.target.kind === 'rtpsender')
        consumers.get(event.target.id)?.close();
    }
    if (open) await hear(page.cursor);
  };
  hear(joined.snapshot.cursor).catch((error) => open && console.error(error));

  for (const track of stream?.getTracks() ?? []) await sending.produce({ track });
  const leave = async () => {
    open = false;
    await call('DELETE', peer);
    for (const local of [sending, receiving]) local.close();
  };
  return { peerId: joined.peer.id, device, sending, receiving, leave };
}
