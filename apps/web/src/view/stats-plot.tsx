import type { SessionStats } from '@weir/client';
import { formatBitrate, formatLoss } from '../lib/format.ts';
import { linePath, scaleOf } from '../lib/plot.ts';
import type { Meeting } from '../model/meeting.ts';

const width = 132;
const height = 34;

/** A minute of bitrate and loss, up and down. */
export function StatsPlot({ meeting }: { meeting: Meeting }) {
  const samples = meeting.stats.value;
  const rtt = samples.at(-1)?.down.rttMs ?? samples.at(-1)?.up.rttMs;
  return (
    <section class="stats" data-testid="stats-plot" aria-label="Connection quality">
      <Direction samples={samples} direction="up" />
      <Direction samples={samples} direction="down" />
      <p class="stats-rtt" title="Round trip to the media server">
        <b>{rtt === undefined ? '–' : rtt}</b> ms
      </p>
    </section>
  );
}

function Direction({ samples, direction }: { samples: readonly SessionStats[]; direction: 'up' | 'down' }) {
  const of = samples.map((sample) => sample[direction]);
  const last = of.at(-1);
  const rates = of.map(({ bitrateBps }) => bitrateBps);
  const losses = of.map(({ loss: share }) => share);
  const scale = scaleOf(rates);
  const bitrate = formatBitrate(last?.bitrateBps ?? 0);
  const loss = formatLoss(last?.loss ?? 0);
  const lossy = (last?.loss ?? 0) >= 0.02;
  return (
    <div class={`stats-way stats-${direction}`}>
      <p class="stats-text">
        <span aria-hidden="true">{direction === 'up' ? '↑' : '↓'}</span>
        <span class="sr">{direction === 'up' ? 'Sending' : 'Receiving'}</span>
        <b>{bitrate}</b>
        <span class={lossy ? 'stats-loss lossy' : 'stats-loss'}>{loss} lost</span>
      </p>
      <svg class="plot" viewBox={`0 0 ${width} ${height}`} preserveAspectRatio="none" aria-hidden="true">
        <path class="plot-area" d={linePath(rates, scale, width, height, true)} />
        <path class="plot-line" d={linePath(rates, scale, width, height, false)} />
        {losses.some((share) => share > 0) && (
          <path class="plot-loss" d={linePath(losses, 0.2, width, height, true)} />
        )}
      </svg>
    </div>
  );
}
