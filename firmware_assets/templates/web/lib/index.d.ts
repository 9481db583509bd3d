/** A word that was heard: seconds of its middle from the start, and its averaged probability, 0 to 1. */
export interface WordEvent {
  time: number;
  word: string;
  score: number;
}

/** One look at the last second: int8 scores and averaged probabilities, in the order of `labels`. */
export interface Result {
  time: number;
  scores: Int8Array;
  averages: Float64Array;
}

export interface Check {
  check: string;
  where: string;
  passed: boolean;
}

/** Of each label's average, 0 to 1, in steps of 1/256; null: it is never detected. */
export type Thresholds = readonly (number | null)[];

export interface Handlers {
  /** Those to begin with; by default the ones that the model was tuned to. */
  thresholds?: Thresholds;
  /** A word was detected. */
  onWord?(event: WordEvent): void;
  /** A result, one every `hop` samples. */
  onResult?(result: Result): void;
  /** The peak of the last sound, 0 to 1, and how many seconds were heard. */
  onLevel?(level: number, seconds: number): void;
  /** So many seconds of sound never came. */
  onLost?(seconds: number): void;
  /** A recording ended. */
  onEnd?(): void;
  /** Listening ended by a fault; the message is a sentence for the user. */
  onError?(error: Error): void;
}

export interface Listening {
  /** Seconds heard so far. */
  readonly seconds: number;
  setThresholds(values: Thresholds): void;
  stop(): void;
}

export interface MicrophoneListening extends Listening {
  /** Seconds of sound that wait to be heard: they grow where the device is too slow. */
  behind(): number;
}

export interface RecordingListening extends Listening {
  /** The recording, 16-bit at 16 kHz. */
  readonly samples: Int16Array;
}

/** Listen to the microphone until stop() is called. Rejects with an Error whose message is a sentence for the user. */
export function listen(handlers?: Handlers): Promise<MicrophoneListening>;
/** Hear a recording of any format that the browser plays. */
export function hear(file: ArrayBuffer | Blob, handlers?: Handlers): Promise<RecordingListening>;
/** Does this browser compute what the PC computed? */
export function selfTest(): Promise<Check[]>;

export class Spotter {
  private constructor();
  static load(source?: URL | BufferSource): Promise<Spotter>;
  reset(): void;
  thresholds: Thresholds;
  /** Samples at 16 kHz, of any number. */
  push(samples: Int16Array): (Result & { event: WordEvent | null })[];
  selfTest(): Check[];
}

export class Resampler {
  constructor(from: number, to: number);
  push(samples: Float32Array): Int16Array;
  flush(): Int16Array;
}

export const name: string;
/** Those that begin with _ are never detected. */
export const labels: readonly string[];
/** Those that the model was tuned to. */
export const thresholds: Thresholds;
/** The tuned ones, all moved: below 0 more words are heard, and more that are none. */
export function thresholdsMovedBy(shift: number): Thresholds;
export const sampleRate: 16000;
export const window: number;
export const hop: number;
export const averaged: number;
export const delay: number;
export const wasm: URL;
