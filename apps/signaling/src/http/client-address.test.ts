import { Hono } from 'hono';
import { expect, it } from 'vitest';
import { clientAddress } from './client-address.ts';

const app = new Hono().get('/', (c) => c.text(clientAddress(c)));

async function addressOf(socket: string | undefined, headers: Record<string, string> = {}): Promise<string> {
  const env = socket === undefined ? {} : { incoming: { socket: { remoteAddress: socket } } };
  return await (await app.request('/', { headers }, env)).text();
}

it.each([
  ['HTTP API and function URL', { http: { sourceIp: '8.8.8.8' } }, '8.8.8.8'],
  ['REST API', { identity: { sourceIp: '8.8.8.8' } }, '8.8.8.8'],
  ['load balancer', { elb: {} }, '9.9.9.9'],
])('the address of a client of Lambda behind a %s', async (_, requestContext, address) => {
  const headers = { 'x-forwarded-for': '1.1.1.1, 9.9.9.9', 'cf-connecting-ip': '7.7.7.7' };
  expect(await (await app.request('/', { headers }, { requestContext })).text()).toBe(address);
});

it.each([
  ['a client without a proxy', '8.8.8.8', {}, '8.8.8.8'],
  ['a client that pretends to be a proxy', '8.8.8.8', { 'x-forwarded-for': '9.9.9.9' }, '8.8.8.8'],
  ['a client behind a proxy', '10.0.0.2', { 'x-forwarded-for': '9.9.9.9' }, '9.9.9.9'],
  ['one that wrote the header itself', '127.0.0.1', { 'x-forwarded-for': '1.1.1.1, 9.9.9.9' }, '9.9.9.9'],
  ['a neighbour', '::ffff:192.168.1.5', {}, '192.168.1.5'],
  ['a neighbour by IPv6', 'fe80::1%eth0', {}, 'fe80::1'],
  ['a client of a Worker', undefined, { 'cf-connecting-ip': '2001:4860::8888' }, '2001:4860::8888'],
  ['nobody known', undefined, { 'x-forwarded-for': '9.9.9.9' }, 'unknown'],
])('the address of %s', async (_, socket, headers, address) => {
  expect(await addressOf(socket, headers as Record<string, string>)).toBe(address);
});
