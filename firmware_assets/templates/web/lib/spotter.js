// The engine as an object: int16 samples at 16 kHz in, results out. It needs no browser: node runs it as well.
import * as model from "./model.js";

async function bytesOf(source) {
  if (!(source instanceof URL)) return source;
  if (source.protocol !== "file:") {
    const response = await fetch(source);
    if (!response.ok) throw new Error(`${source.pathname} could not be loaded: ${response.status}`);
    return response.arrayBuffer();
  }
  const { readFile } = await import(/* @vite-ignore */ /* webpackIgnore: true */ "node:fs/promises");
  return readFile(source);
}

/** The tuned thresholds, all moved: below 0 more words are heard, and more that are none. No word is switched off. */
export function thresholdsMovedBy(shift) {
  return model.thresholds.map((tuned) => (tuned === null ? null : Math.min(Math.max(tuned + shift, 1 / 256), 255 / 256)));
}

export class Spotter {
  #exports;
  #say = () => {};
  #heard = 0; // results since the stream began

  /** source: a URL, or the bytes of the .wasm file; by default the one beside this module. */
  static async load(source = model.wasm) {
    const spotter = new Spotter();
    const say = (check, where, passed) =>
      spotter.#say({ check: spotter.#text(check), where: spotter.#text(where), passed: passed !== 0 });
    const made = await WebAssembly.instantiate(await bytesOf(source), { env: { say } });
    spotter.#exports = made.instance.exports;
    spotter.reset();
    return spotter;
  }

  /** Start another stream. */
  reset() {
    this.#heard = 0;
    this.#exports.reset();
  }

  /** Of each label's average, 0 to 1, in steps of 1/256; null or 1 switches a word off. One that is never detected stays so. */
  get thresholds() {
    return Array.from(this.#levels(), (level) => (level < 256 ? level / 256 : null));
  }

  set thresholds(values) {
    if (values.length !== model.labels.length) throw new RangeError(`expected ${model.labels.length} thresholds`);
    this.#levels().set(values.map((value) => Math.round(256 * Math.min(Math.max(value ?? 1, 0), 1))));
  }

  #levels() {
    return new Uint16Array(this.#exports.memory.buffer, this.#exports.thresholds(), model.labels.length);
  }

  /** samples: an Int16Array at 16 kHz of any length. Returns a result for every hop that they complete. */
  push(samples) {
    const { memory, push } = this.#exports;
    const capacity = this.#exports.capacity();
    const input = new Int16Array(memory.buffer, this.#exports.samples(), capacity);
    const results = [];
    for (let at = 0; at < samples.length; at += capacity) {
      const piece = samples.subarray(at, at + capacity);
      input.set(piece);
      const count = push(piece.length);
      for (let i = 0; i < count; i++) results.push(this.#result(i));
    }
    return results;
  }

  /** Does this browser compute what the PC computed? A {check, where, passed} for every check. */
  selfTest() {
    const checks = [];
    this.#say = (check) => checks.push(check);
    this.#exports.selftest();
    this.#say = () => {};
    this.#heard = 0;
    return checks;
  }

  #result(i) {
    const classes = model.labels.length;
    const size = 4 * (1 + 2 * classes);
    const view = new Int32Array(this.#exports.memory.buffer, this.#exports.results() + i * size, 1 + 2 * classes);
    const end = model.window + this.#heard++ * model.hop;
    const time = Math.max(end - model.delay, 0) / model.sampleRate;
    const averages = Float64Array.from(view.subarray(1 + classes), (sum) => sum / model.averaged / 256);
    const word = view[0];
    const event = word < 0 ? null : { time, word: model.labels[word], score: averages[word] };
    return { time, scores: Int8Array.from(view.subarray(1, 1 + classes)), averages, event };
  }

  #text(address) {
    const bytes = new Uint8Array(this.#exports.memory.buffer, address);
    return new TextDecoder().decode(bytes.subarray(0, bytes.indexOf(0)));
  }
}
