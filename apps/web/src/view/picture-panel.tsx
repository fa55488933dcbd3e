import type { SenderExplanation, Subscription } from '@weir/client';
import { useEffect, useState } from 'preact/hooks';
import { formatBitrate, formatLoss } from '../lib/format.ts';
import { layerName, qualitiesFor, toneOf, whyText } from '../lib/quality.ts';
import type { Meeting } from '../model/meeting.ts';
import { watchExplanation } from '../model/picture-quality.ts';
import { CornerPanel } from './corner-panel.tsx';
import { SignalIcon } from './icons.tsx';

interface PictureProps {
  meeting: Meeting;
  subscription: Subscription;
  /** Whose picture it is. */
  name: string;
}

/** How good somebody's picture is here, why, and what one may choose. */
export function PicturePanel(props: PictureProps) {
  const { meeting, subscription, name } = props;
  const stats = meeting.stats.value.at(-1)?.subscriptions.find(({ id }) => id === subscription.id);
  return (
    <CornerPanel
      id={`picture-${subscription.id}`}
      label={`Picture quality of ${name}`}
      testId={`quality-${name}`}
      badge={
        <>
          <SignalIcon />
          {stats?.height !== undefined && <span>{stats.height}p</span>}
        </>
      }
    >
      {() => <Picture {...props} />}
    </CornerPanel>
  );
}

function Picture({ meeting, subscription, name }: PictureProps) {
  const [explanation, setExplanation] = useState<SenderExplanation>();
  useEffect(() => watchExplanation(subscription, setExplanation), [subscription]);
  const stats = meeting.stats.value.at(-1)?.subscriptions.find(({ id }) => id === subscription.id);
  const facts = [
    stats?.width && stats.height && `${stats.width} × ${stats.height}`,
    stats?.framesPerSecond !== undefined && `${Math.round(stats.framesPerSecond)} frames/s`,
    stats?.codec?.replace(/^video\//, ''),
    stats && formatBitrate(stats.bitrateBps),
  ].filter(Boolean);
  return (
    <>
      <header class="picture-head">
        <h2>{name}</h2>
        <p>{facts.length > 0 ? facts.join(' · ') : 'No picture yet'}</p>
      </header>
      {explanation ? (
        <>
          <p class={`why why-${toneOf(explanation)}`} data-testid="why" data-code={explanation.limit.code}>
            <i aria-hidden="true" />
            {whyText(explanation, meeting.quality.of(subscription))}
          </p>
          <Layers explanation={explanation} />
          <Network explanation={explanation} />
          <Choices
            meeting={meeting}
            subscription={subscription}
            name={name}
            layers={explanation.source.length}
          />
        </>
      ) : (
        <p class="why why-calm" data-testid="why">
          <i aria-hidden="true" />
          Asking the server …
        </p>
      )}
    </>
  );
}

/** Every layer of the source, best first, and which of them comes. */
function Layers({ explanation }: { explanation: SenderExplanation }) {
  const { source, currentLayers, candidates } = explanation;
  if (source.length < 2) return null;
  const costOf = (layer: number) =>
    Math.max(
      0,
      ...candidates.filter(({ spatialLayer }) => spatialLayer === layer).map(({ bitrateBps }) => bitrateBps),
    );
  const most = Math.max(1, ...source.map(({ spatialLayer }) => costOf(spatialLayer)));
  return (
    <ol class="layers" aria-label="Layers of the picture">
      {source.toReversed().map(({ spatialLayer, live }) => {
        const current = currentLayers?.spatialLayer === spatialLayer;
        const cost = costOf(spatialLayer);
        const width = live ? Math.max(3, (cost / most) * 100) : 0;
        return (
          <li
            key={spatialLayer}
            class={['layer', current && 'layer-current', !live && 'layer-off'].filter(Boolean).join(' ')}
            data-testid={`layer-${spatialLayer}`}
            aria-current={current}
          >
            <span class="layer-name">{layerName(spatialLayer, source.length)}</span>
            <svg class="layer-bar" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">
              <rect class="layer-track" width="100" height="6" rx="3" />
              <rect class="layer-cost" width={width} height="6" rx="3" />
            </svg>
            <span class="layer-rate">{live ? formatBitrate(cost) : 'not sent'}</span>
          </li>
        );
      })}
    </ol>
  );
}

function Network({ explanation: { transport } }: { explanation: SenderExplanation }) {
  if (transport === undefined) return null;
  const estimate = transport.availableBps ?? transport.estimateBps;
  return (
    <dl class="network">
      <div>
        <dt>Connection</dt>
        <dd>{estimate === undefined ? '–' : formatBitrate(estimate)}</dd>
      </div>
      <div>
        <dt>In use</dt>
        <dd>{formatBitrate(transport.allocatedBps)}</dd>
      </div>
      <div>
        <dt>Lost</dt>
        <dd>{formatLoss(transport.lossFraction)}</dd>
      </div>
      <div>
        <dt>Round trip</dt>
        <dd>{Math.round(transport.rttMs)} ms</dd>
      </div>
    </dl>
  );
}

const captions = { auto: 'Auto', high: 'High', medium: 'Medium', low: 'Low' } as const;

function Choices({ meeting, subscription, name, layers }: PictureProps & { layers: number }) {
  const offered = qualitiesFor(layers);
  if (offered.length === 0) return null;
  const chosen = meeting.quality.of(subscription);
  return (
    <fieldset class="choices">
      <legend>Quality</legend>
      {offered.map((quality) => (
        <label key={quality} class={quality === chosen ? 'choice choice-on' : 'choice'}>
          <input
            type="radio"
            class="sr"
            name={`quality-of-${name}`}
            checked={quality === chosen}
            data-testid={`choose-${quality}`}
            onChange={() => meeting.quality.choose(subscription, quality)}
          />
          {captions[quality]}
        </label>
      ))}
    </fieldset>
  );
}
