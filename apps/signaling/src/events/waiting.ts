import type { WakeUps } from '@weir/db';
import type { Clock } from '../clock.ts';

/**
 * Waits for the log of one peer. A wake-up between two waits is not lost: the next wait ends at once.
 */
export class LogWaiter {
  readonly #clock: Clock;
  readonly #stopListening: () => void;
  #woken = false;
  #resume: (() => void) | undefined;

  constructor(clock: Clock, wakeUps: WakeUps, roomId: string, peerId: number) {
    this.#clock = clock;
    this.#stopListening = wakeUps.listen(roomId, peerId, () => this.wake());
  }

  wake(): void {
    this.#woken = true;
    this.#resume?.();
  }

  /** Until woken, or for `ms`. */
  async wait(ms: number): Promise<void> {
    if (this.#woken) {
      this.#woken = false;
      return;
    }
    await new Promise<void>((resolve) => {
      const cancel = this.#clock.after(ms, resolve);
      this.#resume = () => {
        cancel();
        resolve();
      };
    });
    this.#resume = undefined;
    this.#woken = false;
  }

  close(): void {
    this.#stopListening();
    this.#resume?.();
  }
}
