// From a microphone's rate to 16 kHz: a windowed sinc, one set of taps for every phase that the two rates have.
// What comes out does not depend on how the sound is cut into blocks.
const ZERO_CROSSINGS = 48;
const KAISER_BETA = 10; // 100 dB
const PASSED = 0.95; // of the lower of the two bandwidths

const divisor = (a, b) => (b ? divisor(b, a % b) : a);

function bessel(x) {
  let sum = 1;
  for (let term = 1, k = 1; term > 1e-12 * sum; k++) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}

function taps(phase, half, cutoff) {
  const found = new Float32Array(2 * half);
  let sum = 0;
  for (let i = 0; i < found.length; i++) {
    const t = i - half + 1 - phase;
    const x = Math.PI * cutoff * t;
    const inside = 1 - (t / half) ** 2;
    found[i] = inside > 0 ? (x ? Math.sin(x) / x : 1) * bessel(KAISER_BETA * Math.sqrt(inside)) : 0;
    sum += found[i];
  }
  return found.map((value) => value / sum);
}

/** As int16, the nearest, within full scale. */
export function toInt16(sample) {
  return Math.max(-32768, Math.min(32767, Math.round(sample * 32768)));
}

export class Resampler {
  /** from, to: Hz. */
  constructor(from, to) {
    const common = divisor(from, to);
    this.step = from / common; // of the input, in parts of `phases`
    this.phases = to / common;
    this.same = from === to;
    this.half = Math.ceil(ZERO_CROSSINGS * Math.max(1, from / to));
    const cutoff = PASSED * Math.min(1, to / from);
    this.table = this.same
      ? []
      : Array.from({ length: this.phases }, (_, p) => taps(p / this.phases, this.half, cutoff));
    this.waiting = new Float32Array(this.half - 1); // silence before the first sample
    this.position = 0; // of the next output, in parts of `phases`, from the first sample that waits
  }

  /** A Float32Array from -1 to 1 in, an Int16Array out. */
  push(samples) {
    if (this.same) return Int16Array.from(samples, toInt16);
    const all = new Float32Array(this.waiting.length + samples.length);
    all.set(this.waiting);
    all.set(samples, this.waiting.length);
    const out = [];
    for (;;) {
      const first = Math.floor(this.position / this.phases);
      if (first + 2 * this.half > all.length) break;
      const row = this.table[this.position % this.phases];
      let sum = 0;
      for (let i = 0; i < row.length; i++) sum += row[i] * all[first + i];
      out.push(toInt16(sum));
      this.position += this.step;
    }
    const passed = Math.min(Math.floor(this.position / this.phases), all.length);
    this.waiting = all.slice(passed);
    this.position -= passed * this.phases;
    return Int16Array.from(out);
  }

  /** What is still to come, as if silence followed. */
  flush() {
    return this.same ? new Int16Array(0) : this.push(new Float32Array(this.half));
  }
}
