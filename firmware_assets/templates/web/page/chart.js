// Scores over the last seconds, a line for each word; the axes are drawn, the text stands in the label for those who hear it.
import { hop, labels, sampleRate, thresholds as tuned } from "../lib/index.js";

const SECONDS = 12;
const FAINT = 0.05; // below it a line is not drawn

/** A hue of its own for each word, in degrees. */
export function hueOf(word) {
  return (labels.indexOf(word) * 137.5) % 360;
}

export class Chart {
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
    this.thresholds = tuned;
    this.clear();
    new ResizeObserver(() => this.draw()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
  }

  clear() {
    this.results = [];
    this.marks = [];
    this.due();
  }

  add(time, averages) {
    this.results.push({ time, averages });
    const oldest = time - SECONDS - (2 * hop) / sampleRate;
    while (this.results[0].time < oldest) this.results.shift();
    while (this.marks.length && this.marks[0].time < oldest) this.marks.shift();
    this.due();
  }

  mark(time, word) {
    this.marks.push({ time, word });
    this.canvas.setAttribute("aria-label", `Scores over the last twelve seconds: ${word} at ${time.toFixed(1)} seconds`);
    this.due();
  }

  due() {
    this.frame ??= requestAnimationFrame(() => this.draw());
  }

  draw() {
    this.frame = null;
    const { canvas, context } = this;
    const scale = devicePixelRatio || 1;
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
      canvas.width = Math.round(width * scale);
      canvas.height = Math.round(height * scale);
    }
    context.setTransform(scale, 0, 0, scale, 0, 0);
    context.clearRect(0, 0, width, height);
    const style = getComputedStyle(canvas);
    const [quiet, ink, vivid] = ["--quiet", "--ink", "--vivid"].map((name) => style.getPropertyValue(name).trim());
    const last = this.results.at(-1)?.time ?? 0;
    const left = Math.max(last - SECONDS, 0);
    const x = (time) => ((time - left) / SECONDS) * (width - 8) + 4;
    const y = (score) => height - 24 - score * (height - 52);
    context.font = `12px ${style.fontFamily}`;
    context.textAlign = "center";
    context.fillStyle = quiet;
    for (let second = Math.ceil(left); second <= left + SECONDS; second++)
      if (second % 2 === 0 && x(second) > 16 && x(second) < width - 18) context.fillText(`${second} s`, x(second), height - 7);
    context.lineJoin = "round";
    labels.forEach((word, i) => {
      if (this.thresholds[i] === null) return;
      context.strokeStyle = `oklch(${vivid} ${hueOf(word)})`;
      const bar = new Path2D(); // its threshold, as wide as its line
      context.beginPath();
      this.results.forEach(({ time, averages }, at) => {
        const before = this.results[at - 1]?.averages[i] ?? 0;
        const after = this.results[at + 1]?.averages[i] ?? 0;
        const seen = Math.max(before, averages[i], after) > FAINT;
        const go = seen && at ? "lineTo" : "moveTo";
        context[go](x(time), y(averages[i]));
        bar[go](x(time), y(this.thresholds[i]));
      });
      context.lineWidth = 2;
      context.stroke();
      context.lineWidth = 1;
      context.setLineDash([4, 4]);
      context.stroke(bar);
      context.setLineDash([]);
    });
    context.fillStyle = ink;
    context.font = `600 13px ${style.fontFamily}`;
    for (const { time, word } of this.marks) {
      const half = context.measureText(word).width / 2 + 4;
      context.fillText(word, Math.min(Math.max(x(time), half), width - half), 17);
    }
  }
}
