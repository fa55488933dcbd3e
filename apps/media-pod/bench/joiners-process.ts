import { PodClient } from '@weir/pod-control';
import { secrets } from '../test/signaling-double.ts';
import { joinAndLeave, joinTogether } from '../test/visitors.ts';
import type { JoinOrder } from './joiners.ts';

const client = new PodClient({ secrets });

process.on('message', async (order: JoinOrder) => {
  try {
    await (order.stay ? joinTogether : joinAndLeave)({ client, ...order });
    process.send!({});
  } catch (error) {
    process.send!({ error });
  }
});
process.on('disconnect', () => process.exit(0));
