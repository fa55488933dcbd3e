import { formatBitrate } from '../lib/format.ts';
import { layerName } from '../lib/quality.ts';
import type { Meeting } from '../model/meeting.ts';
import { CornerPanel } from './corner-panel.tsx';
import { SignalIcon } from './icons.tsx';

/** What of one's own camera is sent, and what nobody needs. */
export function OwnPicturePanel({ meeting }: { meeting: Meeting }) {
  const layers = meeting.sentLayers.value;
  if (layers.length === 0) return null;
  const sent = layers.filter(({ active }) => active).length;
  return (
    <CornerPanel
      id="own-picture"
      label="What of your camera is sent"
      testId="own-quality"
      badge={
        <>
          <SignalIcon />
          <span>
            {sent}/{layers.length}
          </span>
        </>
      }
    >
      {() => <OwnPicture meeting={meeting} />}
    </CornerPanel>
  );
}

function OwnPicture({ meeting }: { meeting: Meeting }) {
  const layers = meeting.sentLayers.value;
  const sent = layers.filter(({ active }) => active).length;
  const up = meeting.stats.value.at(-1)?.up;
  const spared = layers.length - sent;
  return (
    <>
      <header class="picture-head">
        <h2>Your camera</h2>
        <p>
          {sent} of {layers.length} layers · {formatBitrate(up?.bitrateBps ?? 0)} sent
        </p>
      </header>
      <p class={spared > 0 ? 'why why-calm' : 'why why-good'} data-testid="why-sent">
        <i aria-hidden="true" />
        {spared > 0
          ? 'Nobody here has a use for more, so it is not sent. It comes back by itself.'
          : 'Every layer is sent, so that each gets what fits.'}
      </p>
      <ol class="layers" aria-label="Layers that are sent">
        {layers.toReversed().map(({ spatialLayer, active }) => (
          <li key={spatialLayer} class={active ? 'layer layer-current' : 'layer layer-off'}>
            <span class="layer-name">{layerName(spatialLayer, layers.length)}</span>
            <span class="layer-rate">{active ? 'sent' : 'not needed'}</span>
          </li>
        ))}
      </ol>
    </>
  );
}
