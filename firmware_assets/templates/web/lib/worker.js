// Off the page's thread and off the audio thread: resamples, runs the engine, tells the page what it heard.
import { delay, sampleRate } from "./model.js";
import { Resampler } from "./resampler.js";
import { Spotter } from "./spotter.js";

const PIECE = 1600; // samples of a recording between two messages

const loading = Spotter.load();
loading.catch((error) => postMessage({ failed: error.message }));

function hearer(spotter) {
  let heard = 0;
  spotter.reset();
  return (samples, lead = 0) => {
    heard += samples.length;
    let peak = 0;
    for (const sample of samples) peak = Math.max(peak, Math.abs(sample));
    const results = spotter.push(samples);
    postMessage({ results, level: peak / 32768, seconds: Math.max(heard - lead, 0) / sampleRate });
  };
}

async function microphone(port, rate) {
  const waiting = []; // what comes while the engine loads
  port.onmessage = ({ data }) => waiting.push(data);
  const hear = hearer(await loading);
  const resampler = new Resampler(rate, sampleRate);
  const take = (data) => {
    if (data.lost) postMessage({ lost: data.lost / rate });
    else hear(resampler.push(data.samples));
  };
  waiting.forEach(take);
  port.onmessage = ({ data }) => take(data);
}

// A recording begins and ends: it lies between as much quiet as it takes to know a word at either end.
async function recording(samples) {
  const hear = hearer(await loading);
  const quiet = new Int16Array(delay);
  hear(quiet, delay);
  for (let at = 0; at < samples.length; at += PIECE) hear(samples.subarray(at, at + PIECE), delay);
  hear(quiet, delay);
  postMessage({ ended: true });
}

onmessage = async ({ data }) => {
  if (data.thresholds) loading.then((spotter) => (spotter.thresholds = data.thresholds)).catch(() => {});
  else if (data.port) microphone(data.port, data.rate).catch(() => {});
  else if (data.recording) recording(data.recording).catch(() => {});
  else if (data.selfTest) postMessage({ checks: (await loading).selfTest() });
};
