/**
 * How every public member of the library's classes (docs/reference) is reached over HTTP.
 *
 * - `GET …/senders/{sender} priority`: a call, and the field of its body or answer; `…` is /v1/rooms/{room}/peers/{peer}
 * - `event rtpsender score`: an event of that target in the log of a peer
 * - `none: why`: not there, and why not
 */
export type Reached = string;

const peer = 'GET …/snapshot';
const transport = 'GET …/transports/{transport}';
const receiver = 'GET …/receivers/{receiver}';
const sender = 'GET …/senders/{sender}';
const change = {
  transport: 'PATCH …/transports/{transport}',
  receiver: 'PATCH …/receivers/{receiver}',
  sender: 'PATCH …/senders/{sender}',
};
const settings = 'none: a process is set up by its environment';
const inProcess = 'none: there are no listeners that could throw; a reader of the log is on its own';
const observers =
  'none: nobody adds or pauses an observer; each room has one for all, and tells audiolevels and dominantspeaker';
const ofObserver = (name: string) =>
  Object.fromEntries(
    [
      ...['id', 'closed', 'paused', 'appData', 'close()', 'pause()', 'resume()', 'addRtpReceiver()'],
      ...['removeRtpReceiver()', "on('close')"],
    ].map((member) => [`${name}.${member}`, observers]),
  );

export const model: Readonly<Record<string, Reached>> = {
  'server.closed': 'GET /readyz',
  'server.appData': 'none: whoever starts a process keeps what belongs to it',
  'server.close()': settings,
  'server.dump()': 'GET /v1/pods pods',
  'server.updateSettings()': settings,
  'server.createRoom()': 'POST /v1/rooms mediaCodecs',
  'server.getResourceUsage()': 'GET /v1/pods pods',
  "server.on('close')": 'none: a process that ended tells nothing; its streams end and readers go elsewhere',
  "server.on('newroom')": 'none: whoever creates a room has the answer; GET /v1/rooms lists all',

  'room.id': 'GET /v1/rooms/{room} id',
  'room.closed': 'GET /v1/rooms/{room}',
  'room.appData': 'PATCH /v1/rooms/{room} metadata',
  'room.peers': 'GET /v1/rooms/{room}/peers peers',
  'room.rtpCapabilities': 'GET /v1/rooms/{room} rtpCapabilities',
  'room.maxLoudestAudio': 'GET /v1/rooms/{room} maxLoudestAudio',
  'room.close()': 'DELETE /v1/rooms/{room}',
  'room.setMaxLoudestAudio()': 'PATCH /v1/rooms/{room} maxLoudestAudio',
  'room.getCapabilities()': 'GET /v1/rooms/{room} rtpCapabilities',
  'room.Peer()': 'POST /v1/rooms/{room}/peers name',
  'room.getPeer()': 'GET /v1/rooms/{room}/peers peers',
  'room.createAudioLevelObserver()': 'event room audiolevels',
  'room.createActiveSpeakerObserver()': 'event room dominantspeaker',
  'room.dump()': 'GET /v1/rooms/{room}/dump',
  "room.on('close')": 'event room close',
  "room.on('newpeer')": 'event room newpeer',
  "room.on('audiolevels')": 'event room audiolevels',

  'peer.name': 'GET … name',
  'peer.capabilities': `${peer} rtpCapabilities`,
  'peer.transports': `${peer} transports`,
  'peer.rtpReceivers': `${peer} receivers`,
  'peer.rtpSenders': 'GET …/senders senders',
  'peer.id': 'GET … id',
  'peer.closed': 'GET …',
  'peer.appData': 'GET … appData',
  'peer.close()': 'DELETE …',
  'peer.setCapabilities()': 'PUT …/capabilities rtpCapabilities',
  'peer.createTransport()': 'POST …/transports iceParameters',
  'peer.createPlainTransport()': 'POST …/transports type',
  'peer.RtpReceiver()': 'POST …/receivers kind',
  'peer.dump()': 'GET …/dump',
  "peer.on('close')": 'event peer close',
  "peer.on('capabilities')": 'event peer capabilities',
  "peer.on('newtransport')": 'event peer newtransport',
  "peer.on('newrtpreceiver')": 'event peer newrtpreceiver',
  "peer.on('newrtpsender')": 'event peer newrtpsender',

  'transport.iceRole': `${transport} iceParameters`,
  'transport.iceLocalParameters': `${transport} iceParameters`,
  'transport.iceLocalCandidates': `${transport} iceCandidates`,
  'transport.iceState': `${transport} iceState`,
  'transport.iceSelectedTuple': `${transport} iceSelectedTuple`,
  'transport.dtlsLocalParameters': `${transport} dtlsParameters`,
  'transport.dtlsState': `${transport} dtlsState`,
  'transport.dtlsRemoteCert': 'GET …/dump',
  'transport.maxIncomingBitrate': 'GET …/dump',
  'transport.maxOutgoingBitrate': 'GET …/dump',
  'transport.minOutgoingBitrate': 'GET …/dump',
  'transport.id': `${transport} id`,
  'transport.closed': transport,
  'transport.appData': `${transport} appData`,
  'transport.close()': 'DELETE …/transports/{transport}',
  'transport.setRemoteDtlsParameters()': 'PUT …/transports/{transport}/dtls dtlsParameters',
  'transport.setMaxBitrate()': `${change.transport} maxIncomingBitrate`,
  'transport.setMaxIncomingBitrate()': `${change.transport} maxIncomingBitrate`,
  'transport.setMaxOutgoingBitrate()': `${change.transport} maxOutgoingBitrate`,
  'transport.setMinOutgoingBitrate()': `${change.transport} minOutgoingBitrate`,
  'transport.changeUfragPwd()': 'POST …/transports/{transport}/ice-restart iceParameters',
  'transport.dump()': 'GET …/dump',
  'transport.getStats()': 'GET …/stats stats',
  "transport.on('close')": 'event transport close',
  "transport.on('iceselectedtuplechange')": 'event transport iceselectedtuplechange',
  "transport.on('icestatechange')": 'event transport icestatechange',
  "transport.on('dtlsstatechange')": 'event transport dtlsstatechange',
  "transport.on('tuple')": 'event transport iceselectedtuplechange',

  'plainTransport.comedia': `${transport} comedia`,
  'plainTransport.rtcpMux': `${transport} rtcpMux`,
  'plainTransport.tuple': `${transport} remote`,
  'plainTransport.connect()': 'PUT …/transports/{transport}/plain ip',

  'rtpReceiver.kind': `${receiver} kind`,
  'rtpReceiver.peer': `${receiver} peerId`,
  'rtpReceiver.transport': `${receiver} transportId`,
  'rtpReceiver.rtpParameters': `${receiver} rtpParameters`,
  'rtpReceiver.paused': `${receiver} paused`,
  'rtpReceiver.type': `${receiver} type`,
  'rtpReceiver.wantedLayers': 'event rtpreceiver wantedlayers',
  'rtpReceiver.score': 'GET …/stats stats',
  'rtpReceiver.id': `${receiver} id`,
  'rtpReceiver.closed': receiver,
  'rtpReceiver.appData': `${change.receiver} appData`,
  'rtpReceiver.close()': 'DELETE …/receivers/{receiver}',
  'rtpReceiver.receive()': 'PUT …/receivers/{receiver}/parameters rtpParameters',
  'rtpReceiver.setTransport()': `${change.receiver} transportId`,
  'rtpReceiver.pause()': `${change.receiver} paused`,
  'rtpReceiver.resume()': `${change.receiver} paused`,
  'rtpReceiver.dump()': 'GET …/dump',
  'rtpReceiver.getStats()': 'GET …/stats stats',
  "rtpReceiver.on('close')": 'event rtpreceiver close',
  "rtpReceiver.on('parameters')": 'event rtpreceiver parameters',
  "rtpReceiver.on('parameterschange')": 'event rtpreceiver parameterschange',
  "rtpReceiver.on('transport')": 'event rtpreceiver transport',
  "rtpReceiver.on('rtpraw')":
    'none: packets do not travel by HTTP; a plain transport sends them to a program',
  "rtpReceiver.on('rtpobject')": 'none: as rtpraw',
  "rtpReceiver.on('score')": 'event rtpreceiver score',
  "rtpReceiver.on('wantedlayers')": 'event rtpreceiver wantedlayers',
  "rtpReceiver.on('videoorientationchange')": 'event rtpreceiver videoorientationchange',

  'rtpSender.kind': `${sender} kind`,
  'rtpSender.peer': 'GET …/senders senders',
  'rtpSender.transport': `${sender} transportId`,
  'rtpSender.rtpParameters': `${sender} rtpParameters`,
  'rtpSender.associatedRtpReceiver': `${sender} receiverId`,
  'rtpSender.active': `${sender} active`,
  'rtpSender.paused': `${sender} enabled`,
  'rtpSender.receiverPaused': `${sender} receiverPaused`,
  'rtpSender.type': `${sender} type`,
  'rtpSender.preferredLayers': `${sender} preferredLayers`,
  'rtpSender.currentLayers': `${sender} currentLayers`,
  'rtpSender.priority': `${sender} priority`,
  'rtpSender.hysteresis': `${sender} hysteresis`,
  'rtpSender.score': 'GET …/stats stats',
  'rtpSender.id': `${sender} id`,
  'rtpSender.closed': sender,
  'rtpSender.appData': `${sender} appData`,
  'rtpSender.setTransport()': `${change.sender} transportId`,
  'rtpSender.disable()': `${change.sender} enabled`,
  'rtpSender.enable()': `${change.sender} enabled`,
  'rtpSender.setPreferredLayers()': `${change.sender} preferredLayers`,
  'rtpSender.setPriority()': `${change.sender} priority`,
  'rtpSender.unsetPriority()': `${change.sender} priority`,
  'rtpSender.setHysteresis()': `${change.sender} hysteresis`,
  'rtpSender.requestKeyFrame()': 'POST …/senders/{sender}/keyframe',
  'rtpSender.dump()': 'GET …/dump',
  'rtpSender.getStats()': 'GET …/stats stats',
  'rtpSender.explain()': 'GET …/senders/{sender}/explain limit',
  "rtpSender.on('close')": 'event rtpsender close',
  "rtpSender.on('parameterschange')": 'event rtpsender parameterschange',
  "rtpSender.on('activechange')": 'event rtpsender activechange',
  "rtpSender.on('transport')": 'event rtpsender transport',
  "rtpSender.on('receiverpause')": 'event rtpsender receiverpause',
  "rtpSender.on('receiverresume')": 'event rtpsender receiverresume',
  "rtpSender.on('layerschange')": 'event rtpsender layerschange',
  "rtpSender.on('score')": 'event rtpsender score',

  ...ofObserver('audioLevelObserver'),
  "audioLevelObserver.on('volumes')": 'event room audiolevels',
  "audioLevelObserver.on('silence')": 'event room audiolevels',
  ...ofObserver('activeSpeakerObserver'),
  'activeSpeakerObserver.dominantSpeaker': 'event room dominantspeaker',
  "activeSpeakerObserver.on('dominantspeaker')": 'event room dominantspeaker',

  ...Object.fromEntries(
    [
      ...['server', 'room', 'peer', 'transport', 'rtpReceiver', 'rtpSender'],
      ...['audioLevelObserver', 'activeSpeakerObserver'],
    ].map((name) => [`${name}.on('listenererror')`, inProcess]),
  ),
};

/** Events of the log that are no event of a class, and why they are there. */
export const logOnly: Readonly<Record<string, string>> = {
  peerclose: 'the others must hear of a peer that left; in a process they listen to its `close`',
  migrate: 'media moves to another pod; a process has only itself',
  reset: 'a reader came back after its events were forgotten; an emitter keeps none',
};
