import { createSecretKey, randomBytes } from 'node:crypto';
import { isIP, isIPv4 } from 'node:net';
import { StunAttribute, StunBuilder, StunClass, StunView } from '@weir/secure-transport';
import { openDgramSocket } from '@weir/udp';

export interface StunQuestion {
  /** Address literal and port of who is asked. */
  readonly ip: string;
  readonly port: number;
  /** Of a transport that ICE checks; absent = a plain STUN server. */
  readonly credentials?: { readonly usernameFragment: string; readonly password: string };
  readonly timeoutMs: number;
}

/**
 * Sends a Binding request (RFC 8489 §2) from a socket of its own, again every 300 ms until it is answered.
 *
 * @returns the address that the other side sees; undefined when no authentic answer came in time
 * @throws Error when this host can't send there at all (no such address family)
 */
export async function askStun(question: StunQuestion): Promise<{ ip: string; port: number } | undefined> {
  const { ip, port, credentials, timeoutMs } = question;
  const transactionId = randomBytes(12);
  const builder = new StunBuilder(StunClass.request, transactionId);
  const key = credentials && createSecretKey(Buffer.from(credentials.password));
  if (credentials !== undefined && key !== undefined) {
    builder
      .text(StunAttribute.username, `${credentials.usernameFragment}:self`)
      .u32(StunAttribute.priority, 1)
      .attribute(StunAttribute.iceControlling, randomBytes(8))
      .integrity(key);
  }
  const request = builder.fingerprint().finish();
  const socket = await openDgramSocket({
    ip: isIPv4(ip) ? '0.0.0.0' : '::',
    recvBufferBytes: 65_536,
    sendBufferBytes: 65_536,
  });
  const { promise, resolve } = Promise.withResolvers<{ ip: string; port: number } | undefined>();
  const view = new StunView();
  socket.onMessage = (data) => {
    if (!view.read(data) || view.messageClass !== StunClass.success) return;
    if (!transactionId.equals(view.transactionId())) return;
    if (key !== undefined && !view.verifyIntegrity(key)) return;
    resolve(view.xorMappedAddress());
  };
  // Not reachable now may be reachable in a moment: the next try tells.
  socket.onError = () => {};
  const send = () => socket.send(request, ip, port);
  send();
  const again = setInterval(send, retransmitMs);
  const end = setTimeout(() => resolve(undefined), timeoutMs);
  try {
    return await promise;
  } finally {
    clearInterval(again);
    clearTimeout(end);
    socket.close();
  }
}

/**
 * Reads `stun.example.org`, `stun.example.org:3478`, `[2001:db8::1]:3478`; 3478 is the default (RFC 8489 §8.1).
 *
 * @throws RangeError
 */
export function parseStunServer(text: string): { host: string; port: number } {
  const parts = /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9.-]+))(?::([0-9]{1,5}))?$/.exec(text);
  const port = Number(parts?.[3] ?? 3478);
  const host = parts?.[1] ?? parts?.[2];
  if (host === undefined || (parts?.[1] !== undefined && isIP(host) !== 6) || port < 1 || port > 65_535) {
    throw new RangeError('must be host, host:port or [ipv6]:port');
  }
  return { host, port };
}

const retransmitMs = 300;
