import { useEffect, useRef } from 'preact/hooks';
import { layerForWidth, layoutTiles } from '../lib/tile-layout.ts';
import type { Meeting, Person } from '../model/meeting.ts';
import { OwnPicturePanel } from './own-picture-panel.tsx';
import { PicturePanel } from './picture-panel.tsx';
import { Tile, type TileProps } from './tile.tsx';
import { useSize } from './use-size.ts';

const gap = 10;

/** Everybody, as large as fits; a shared screen is larger than anybody. */
export function Stage({ meeting }: { meeting: Meeting }) {
  const grid = useRef<HTMLDivElement>(null);
  const { width, height } = useSize(grid);
  const people = meeting.people.value;
  const screens = screenTiles(meeting, people);
  const faces = faceTiles(meeting, people);
  const shared = screens.length > 0;
  const layout = layoutTiles(faces.length, width, height, gap);
  usePreferredLayers(meeting, people, shared ? 320 : layout.tileWidth);
  return (
    <div class={`stage ${shared ? 'stage-shared' : ''}`}>
      {shared && (
        <div class="stage-screens">
          {screens.map((props) => (
            <Tile key={props.testId} {...props} width={0} height={0} />
          ))}
        </div>
      )}
      <div ref={grid} class="stage-faces">
        {faces.map((props) => (
          <Tile
            key={props.testId}
            {...props}
            width={shared ? 0 : layout.tileWidth}
            height={shared ? 0 : layout.tileHeight}
          />
        ))}
      </div>
    </div>
  );
}

type Unsized = Omit<TileProps, 'width' | 'height'>;

function screenTiles(meeting: Meeting, people: readonly Person[]): Unsized[] {
  const own = meeting.screenTrack.value;
  const others = people
    .filter(({ screen }) => screen !== undefined)
    .map(
      ({ peer, screen }): Unsized => ({
        name: peer.name,
        track: screen?.subscription?.track,
        screen: true,
        muted: false,
        speaking: false,
        testId: `tile-${peer.name}-screen`,
        corner: screen?.subscription?.track && (
          <PicturePanel meeting={meeting} subscription={screen.subscription} name={`${peer.name}’s screen`} />
        ),
      }),
    );
  if (!own) return others;
  const mine: Unsized = {
    name: meeting.name,
    self: true,
    track: own,
    screen: true,
    muted: false,
    speaking: false,
    testId: `tile-${meeting.name}-screen`,
  };
  return others.length > 0 ? others : [mine];
}

function faceTiles(meeting: Meeting, people: readonly Person[]): Unsized[] {
  const speaking = meeting.speaking.value;
  const others = people.map(
    ({ peer, camera, microphone }): Unsized => ({
      name: peer.name,
      track: camera && !camera.paused ? camera.subscription?.track : undefined,
      muted: !microphone || microphone.paused,
      speaking: speaking.has(peer.id),
      testId: `tile-${peer.name}`,
      corner: camera?.subscription?.track && !camera.paused && (
        <PicturePanel meeting={meeting} subscription={camera.subscription} name={peer.name} />
      ),
    }),
  );
  const self: Unsized = {
    name: meeting.name,
    self: true,
    track: meeting.cameraOn.value ? meeting.local.camera.track.value : undefined,
    muted: !meeting.microphoneOn.value,
    speaking: speaking.has(meeting.session.self.id),
    testId: `tile-${meeting.name}`,
    corner: meeting.cameraOn.value && <OwnPicturePanel meeting={meeting} />,
  };
  return [...others, self];
}

/** A small tile needs no large picture: the server may send less, unless somebody chose otherwise. */
function usePreferredLayers(meeting: Meeting, people: readonly Person[], tileWidth: number): void {
  const tile = tileWidth > 0 ? layerForWidth(tileWidth * devicePixelRatio) : undefined;
  const cameras = people
    .map(({ camera }) => (camera?.type === 'simple' ? undefined : camera?.subscription))
    .filter((each) => each !== undefined);
  const chosen = cameras.map((camera) => meeting.quality.of(camera));
  const key = `${tile?.spatialLayer} ${cameras.map(({ id }, i) => `${id} ${chosen[i]}`).join()}`;
  useEffect(() => {
    if (tile === undefined) return;
    // A window that is being resized asks once.
    const timer = setTimeout(() => {
      for (const camera of cameras) {
        camera.setPreferredLayers(meeting.quality.layers(camera, tile)).catch(() => {});
      }
    }, 400);
    return () => clearTimeout(timer);
  }, [key]);
}
