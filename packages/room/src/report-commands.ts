import { closeTransportRecord } from './closing.ts';
import type { Handlers } from './handlers.ts';
import { hasKeyFrames, isActive } from './sender-state.ts';

type Report =
  | 'transport.iceChanged'
  | 'transport.tupleChanged'
  | 'transport.dtlsChanged'
  | 'transport.died'
  | 'transport.silent'
  | 'sender.layersChanged';

/** What the media side tells. Objects that closed meanwhile, and news that are none, are passed over. */
export const reportHandlers: Pick<Handlers, Report> = {
  'transport.iceChanged'(draft, { transportId, state }) {
    const transport = draft.get('transport', transportId);
    if (transport === undefined || transport.iceState === state) return;
    draft.put('transport', { ...transport, iceState: state }, { quiet: true });
    draft.emit({
      target: { kind: 'transport', id: transportId },
      peerId: transport.peerId,
      type: 'icestatechange',
      state,
    });
  },

  'transport.tupleChanged'(draft, { transportId, tuple }) {
    const transport = draft.get('transport', transportId);
    if (transport === undefined) return;
    draft.put('transport', { ...transport, iceSelectedTuple: tuple }, { quiet: true });
    draft.emit({
      target: { kind: 'transport', id: transportId },
      peerId: transport.peerId,
      type: 'iceselectedtuplechange',
      tuple,
    });
  },

  /** Connected: every picture that is sent there starts with a key frame (D-23). */
  'transport.dtlsChanged'(draft, { transportId, state, remoteCert }) {
    const transport = draft.get('transport', transportId);
    if (transport === undefined || transport.dtlsState === state) return;
    draft.put(
      'transport',
      {
        ...transport,
        dtlsState: state,
        ...(remoteCert === undefined ? {} : { dtlsRemoteCert: remoteCert }),
      },
      { quiet: true },
    );
    draft.emit({
      target: { kind: 'transport', id: transportId },
      peerId: transport.peerId,
      type: 'dtlsstatechange',
      state,
    });
    if (state !== 'connected') return;
    for (const sender of draft.of('sender', 'peerId', transport.peerId)) {
      if (sender.transportId !== transportId && sender.next?.transportId !== transportId) continue;
      const { kind } = draft.get('receiver', sender.receiverId)!;
      if (isActive(sender) && hasKeyFrames(kind)) draft.wantKeyFrame(sender.id);
    }
  },

  /** It closes as by `close()`, and does not close its peer (§1.6). */
  'transport.died'(draft, { transportId, reason }) {
    const transport = draft.get('transport', transportId);
    if (transport !== undefined) closeTransportRecord(draft, transport, reason);
  },

  'transport.silent'(draft, { transportId, at }) {
    const transport = draft.get('transport', transportId);
    if (transport !== undefined) draft.put('transport', { ...transport, silentAt: at }, { quiet: true });
  },

  'sender.layersChanged'(draft, { senderId, layers }) {
    const sender = draft.get('sender', senderId);
    if (sender === undefined || sameLayers(sender.currentLayers, layers)) return;
    const { currentLayers: _, ...rest } = sender;
    draft.put('sender', layers === null ? rest : { ...rest, currentLayers: layers }, { quiet: true });
    draft.emit({
      target: { kind: 'rtpsender', id: senderId },
      peerId: sender.peerId,
      type: 'layerschange',
      layers,
    });
  },
};

interface Layers {
  readonly spatialLayer: number;
  readonly temporalLayer?: number | undefined;
}

function sameLayers(a: Layers | undefined, b: Layers | null): boolean {
  return a?.spatialLayer === b?.spatialLayer && a?.temporalLayer === b?.temporalLayer;
}
