/**
 * Makes the key of one pod from the first of WEIR_POD_SECRETS: `npm run pod-key -w apps/signaling -- --pod pod-1`.
 * Set as that pod's WEIR_POD_SECRETS it lets the pod speak for itself only.
 */
import { parseArgs } from 'node:util';
import { parsePodSecrets, podKeyText } from '@weir/pod-control';
import { PodId } from '@weir/protocol';

const { values } = parseArgs({
  options: { pod: { type: 'string' }, help: { type: 'boolean', short: 'h', default: false } },
});
const pod = PodId.safeParse(values.pod);
if (values.help || !pod.success) {
  console.error('usage: WEIR_POD_SECRETS=… pod-key --pod <id of the pod, its WEIR_POD_ID>');
  process.exit(values.help ? 0 : 2);
}
try {
  const [first] = parsePodSecrets(process.env.WEIR_POD_SECRETS);
  console.log(await podKeyText(first, pod.data));
} catch (error) {
  console.error((error as Error).message);
  process.exit(2);
}
