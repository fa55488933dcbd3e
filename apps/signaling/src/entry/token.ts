/**
 * Makes a token on the command line: `npm run token -w apps/signaling -- --room demo --name alice`.
 * Signs with the first key of WEIR_API_KEYS, or with the key of development.
 */
import { parseArgs } from 'node:util';
import { readEnvironment } from '../config.ts';
import { createToken } from '../tokens/token.ts';
import { developmentKeys } from './development-keys.ts';

const { values } = parseArgs({
  options: {
    room: { type: 'string' },
    name: { type: 'string' },
    subject: { type: 'string' },
    publish: { type: 'string', default: 'audio,video' },
    'no-subscribe': { type: 'boolean', default: false },
    admin: { type: 'boolean', default: false },
    ttl: { type: 'string', default: '3600' },
    help: { type: 'boolean', short: 'h', default: false },
  },
});

if (values.help || values.room === undefined) {
  console.error(
    'usage: token --room <id or pattern*> [--name <name>] [--subject <id>] [--publish audio,video] [--no-subscribe] [--admin] [--ttl <seconds>]',
  );
  process.exit(values.help ? 0 : 2);
}
const env = readEnvironment(process.env);
const keys = env.WEIR_API_KEYS.size > 0 ? env.WEIR_API_KEYS : await developmentKeys();
const [keyId, secret] = [...keys][0]!;
const kinds = values.publish.split(',').filter((kind) => kind === 'audio' || kind === 'video');
console.log(
  await createToken({
    keyId,
    secret,
    room: values.room,
    ...(values.name === undefined ? {} : { name: values.name }),
    ...(values.subject === undefined ? {} : { subject: values.subject }),
    publish: kinds,
    subscribe: !values['no-subscribe'],
    admin: values.admin,
    ttlSeconds: Number(values.ttl),
  }),
);
