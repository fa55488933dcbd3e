import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hostAddress } from '@weir/testing';
import { Child, freePort } from '../child.ts';
import { JanusSession } from './janus-session.ts';
import { answerTo, offerOf, remoteOf } from './sdp.ts';
import { type RemoteSide, type Target, TargetMissing, type TargetRoom } from './target.ts';

/**
 * Debian's Janus with its videoroom, over its HTTP API. As packaged it has a thread for each handle; with event
 * loops, as its documentation advises for many users, so many threads for all of them.
 */
export async function startJanus(eventLoops: number | undefined): Promise<Target> {
  const asked = spawnSync('janus', ['--version'], { encoding: 'utf8' });
  if (asked.error !== undefined) throw new TargetMissing(`no janus here: ${asked.error.message}`);
  const version = /^Janus version: \d+ \(([^)]+)\)/m.exec(asked.stdout)?.[1] ?? asked.stdout.trim();
  // Janus makes no candidates on the loopback interface. What is sent to an own address does not leave the machine.
  const ip = hostAddress();
  if (ip === '127.0.0.1') throw new TargetMissing('janus needs an address that is not the loopback');
  const folder = mkdtempSync(join(tmpdir(), 'weir-bench-janus-'));
  const port = await freePort();
  writeFileSync(join(folder, 'janus.jcfg'), configuration(folder, ip, eventLoops));
  writeFileSync(
    join(folder, 'janus.transport.http.jcfg'),
    `general: {\n json = "plain"\n base_path = "/janus"\n http = true\n port = ${port}\n ip = "127.0.0.1"\n https = false\n}\nadmin: { admin_http = false }\n`,
  );
  writeFileSync(join(folder, 'janus.plugin.videoroom.jcfg'), 'general: {}\n');
  const child = new Child({
    command: 'janus',
    args: ['--config', join(folder, 'janus.jcfg'), '--configs-folder', folder, '--disable-colors'],
  });
  const stop = async () => {
    await child.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  const url = `http://127.0.0.1:${port}/janus`;
  try {
    await child.until(async () =>
      (await fetch(`${url}/info`).catch(() => undefined))?.ok ? true : undefined,
    );
  } catch (error) {
    await stop();
    throw error;
  }
  const sessions: JanusSession[] = [];
  return {
    name: eventLoops === undefined ? 'janus' : 'janus-loops',
    title: `Janus ${version}, videoroom, ${eventLoops === undefined ? 'as packaged' : `event_loops = ${eventLoops}`}`,
    cpuMicros: () => child.cpuMicros(),
    residentBytes: () => child.residentBytes(),
    async openRoom() {
      const session = await JanusSession.open(url);
      sessions.push(session);
      return await openRoom(session, ip);
    },
    async stop() {
      for (const session of sessions) session.close();
      await stop();
    },
  };
}

async function openRoom(session: JanusSession, ip: string): Promise<TargetRoom> {
  const room = 1;
  const admin = await session.attach();
  await session.message(admin, {
    request: 'create',
    room,
    publishers: 100,
    bitrate: 0,
    videocodec: 'vp8',
    audiocodec: 'opus',
    audiolevel_ext: false,
    audiolevel_event: false,
    videoorient_ext: false,
    playoutdelay_ext: false,
    transport_wide_cc_ext: false,
  });
  const feeds: number[] = [];
  return {
    async publish(local, streams) {
      const handle = await session.attach();
      const id = 1000 + feeds.length;
      const { jsep } = await session.message(
        handle,
        { request: 'joinandconfigure', ptype: 'publisher', room, id, audio: true, video: true },
        { type: 'offer', sdp: offerOf(local, ip, streams) },
      );
      feeds.push(id);
      return remoteOf(jsep?.sdp ?? '');
    },
    async subscribe(joining) {
      const remotes: RemoteSide[] = [];
      for (const { local, except } of joining) {
        const handle = await session.attach();
        const streams = feeds.filter((_, index) => index !== except).map((feed) => ({ feed }));
        const { jsep } = await session.message(handle, {
          request: 'join',
          ptype: 'subscriber',
          room,
          streams,
        });
        const offer = jsep?.sdp ?? '';
        await session.message(
          handle,
          { request: 'start' },
          { type: 'answer', sdp: answerTo(offer, local, ip) },
        );
        remotes.push(remoteOf(offer));
      }
      return remotes;
    },
  };
}

/** ICE-lite as Weir, on one address, with nothing loaded that is not used. */
function configuration(folder: string, ip: string, eventLoops: number | undefined): string {
  const library = '/usr/lib/x86_64-linux-gnu/janus';
  const all = (names: string) =>
    names
      .split(' ')
      .map((name) => `libjanus_${name}.so`)
      .join(',');
  return `general: {
  configs_folder = "${folder}"
  plugins_folder = "${library}/plugins"
  transports_folder = "${library}/transports"
  events_folder = "${library}/events"
  loggers_folder = "${library}/loggers"
  debug_level = 2
  ${eventLoops === undefined ? '' : `event_loops = ${eventLoops}`}
}
media: { ipv6 = false }
nat: {
  ice_lite = true
  ice_enforce_list = "${ip}"
}
plugins: { disable = "${all('audiobridge duktape echotest lua nosip recordplay sip streaming textroom videocall voicemail')}" }
transports: { disable = "${all('mqtt nanomsg pfunix rabbitmq websockets')}" }
`;
}
