/** Loudness of a local track, read when somebody looks. */
export class LevelMeter {
  #context: AudioContext | undefined;
  #source: MediaStreamAudioSourceNode | undefined;
  #analyser: AnalyserNode | undefined;
  #samples = new Float32Array(new ArrayBuffer(512 * 4));

  listen(track: MediaStreamTrack | undefined): void {
    this.#source?.disconnect();
    this.#source = undefined;
    if (!track || typeof AudioContext === 'undefined') return;
    this.#context ??= new AudioContext();
    this.#analyser ??= new AnalyserNode(this.#context, { fftSize: 512 });
    this.#source = this.#context.createMediaStreamSource(new MediaStream([track]));
    this.#source.connect(this.#analyser);
  }

  /** Root mean square of the last few milliseconds, 0 to 1. */
  read(): number {
    if (!this.#analyser || !this.#source || !this.#context) return 0;
    // Without a gesture of the person a context starts asleep.
    if (this.#context.state === 'suspended') void this.#context.resume().catch(() => {});
    this.#analyser.getFloatTimeDomainData(this.#samples);
    let sum = 0;
    for (const sample of this.#samples) sum += sample * sample;
    return Math.sqrt(sum / this.#samples.length);
  }
}
