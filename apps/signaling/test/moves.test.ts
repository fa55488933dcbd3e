import { expect, it } from 'vitest';
import { onEveryDatabase } from './databases.ts';
import { Instance } from './harness.ts';
import { capabilities, vp8 } from './media.ts';
import { settle } from './virtual-clock.ts';

onEveryDatabase((open) => {
  it('a room that leaves a draining pod is on both until the viewers have seen the new one', async () => {
    const weir = new Instance(await open(), { env: { WEIR_PEER_TIMEOUT_SECONDS: '3600' } });
    await weir.lease('pod-1');
    const room = await weir.room();
    const [alice, bob] = [await weir.join(room, 'alice'), await weir.join(room, 'bob')];
    for (const one of [alice, bob]) {
      const rtpCapabilities = capabilities(alice.answer.snapshot.room as never);
      await one.ok('PUT', '/capabilities', { rtpCapabilities });
    }
    const [oldSend, oldRecv] = [
      await alice.ok('POST', '/transports', {}),
      await bob.ok('POST', '/transports', {}),
    ];
    const camera = await alice.ok('POST', '/receivers', {
      kind: 'video',
      transportId: oldSend.id,
      rtpParameters: vp8(1000),
    });
    const [sender] = (await bob.ok('GET', '/senders')).senders;
    await bob.ok('PATCH', `/senders/${sender.id}`, { transportId: oldRecv.id });
    await weir.lease('pod-2');
    for (const one of [alice, bob]) await one.events();
    await weir.lease('pod-1', { draining: true, placeable: false });
    await weir.clock.advance(10);
    // They hear of it with the report, not with the next sweep.
    for (const one of [alice, bob]) expect(await one.eventTypes()).toEqual(['migrate']);

    const newRecv = await bob.ok('POST', '/transports', {});
    const newSend = await alice.ok('POST', '/transports', {});
    const moving = await bob.ok('PUT', `/senders/${sender.id}/transport`, { transportId: newRecv.id });
    expect(moving).toMatchObject({ moved: false, consumerId: `${sender.id}.2`, transportId: newRecv.id });
    const parameters = vp8(2000);
    const sent = await alice.ok('PUT', `/receivers/${camera.id}/transport`, {
      transportId: newSend.id,
      rtpParameters: parameters,
    });
    // Not yet: somebody still gets it from the old one.
    expect(sent.transportId).toBe(oldSend.id);
    await settle();
    const on = (podId: string) => ({
      receivers: [...weir.pods.held(podId, 'daily')!.receivers.values()].map((one) => one.transportId),
      senders: [...weir.pods.held(podId, 'daily')!.senders.values()].map((one) => one.transportId),
    });
    expect(on('pod-1')).toEqual({ receivers: [Number(oldSend.id)], senders: [Number(oldRecv.id)] });
    expect(on('pod-2')).toEqual({ receivers: [Number(newSend.id)], senders: [Number(newRecv.id)] });

    // Which layers are wanted is for the pod to say that has all the viewers in the end.
    const wanted = (spatialLayers: number[]) =>
      ({
        type: 'receiver.wantedlayers',
        roomId: 'daily',
        receiverId: Number(camera.id),
        spatialLayers,
      }) as const;
    await alice.events();
    await weir.pod('pod-1').report([wanted([0])]);
    expect(await alice.events()).toEqual([]);
    await weir.pod('pod-2').report([wanted([0, 1, 2])]);
    expect((await alice.events()).map(({ data }) => data)).toEqual([{ spatialLayers: [0, 1, 2] }]);

    const [afterMove] = [await bob.ok('GET', `/senders/${sender.id}`)];
    expect(afterMove.transportId).toBe(oldRecv.id);
    for (const one of [alice, bob]) await one.events();
    const done = { transportId: newRecv.id, done: true };
    expect(await bob.ok('PUT', `/senders/${sender.id}/transport`, done)).toMatchObject({ moved: true });
    // An answer that got lost: asking again changes nothing.
    expect(await bob.ok('PUT', `/senders/${sender.id}/transport`, done)).toMatchObject({
      moved: true,
      consumerId: `${sender.id}.2`,
    });
    expect(await alice.eventTypes()).toEqual(['transport', 'parameterschange']);
    expect(await bob.eventTypes()).toEqual(['transport', 'parameterschange']);
    expect((await alice.ok('GET', `/receivers/${camera.id}`)).transportId).toBe(newSend.id);
    await settle();
    expect(on('pod-1')).toEqual({ receivers: [], senders: [] });
    await bob.ok('DELETE', `/transports/${oldRecv.id}`);
    await alice.ok('DELETE', `/transports/${oldSend.id}`);
    await settle();
    expect(weir.pods.held('pod-1', 'daily')!.transports.size).toBe(0);
    expect(
      (await alice.call('PUT', `/receivers/${camera.id}/transport`, { transportId: '12345678' })).status,
    ).toBe(422);
  });
});
