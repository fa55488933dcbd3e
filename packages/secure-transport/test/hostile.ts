import { createRandom } from '@weir/testing';
import { writeClientHello } from '../src/dtls/hello.ts';
import { HandshakeType, writeFragment } from '../src/dtls/reassembly.ts';
import { plainRecord } from '../src/dtls/record.ts';

/** Datagrams that anybody can make who knows two addresses. */

export function plainAlert(level: number, description: number): Uint8Array {
  return plainRecord(21, 999, Uint8Array.of(level, description));
}

export function plainClientHello(sequence = 0, cookie: Uint8Array = new Uint8Array(0)): Uint8Array {
  const body = writeClientHello(createRandom(5).bytes(32), cookie);
  return plainRecord(22, 999, writeFragment(HandshakeType.clientHello, sequence, body));
}

export function unknownRecord(type: number): Uint8Array {
  return plainRecord(type, 999, new Uint8Array(40));
}

/** A record that claims to be of epoch 1, made without the key. */
export function forgedRecord(type: number, sequence: number, length = 26): Uint8Array {
  const record = plainRecord(type, sequence, createRandom(sequence + 1).bytes(length));
  record[4] = 1;
  return record;
}
