// Words from a microphone or a recording, computed here: nothing is sent anywhere.
import { delay, sampleRate } from "./model.js";
import { toInt16 } from "./resampler.js";

export * from "./model.js";
export { Resampler } from "./resampler.js";
export { Spotter, thresholdsMovedBy } from "./spotter.js";

const SENTENCES = {
  NotAllowedError: "The microphone was refused. Allow it in the browser’s settings for this page, then listen again.",
  NotFoundError: "No microphone was found. Connect one, then listen again.",
  NotReadableError: "The microphone is in use by another program. Close that one, then listen again.",
};
const INSECURE = "A browser gives the microphone only to pages over https or on this machine (localhost).";
const NO_WORKLET = "This browser is too old to listen: it has no AudioWorklet.";

function start(handlers, lead = 0) {
  const worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
  const setThresholds = (values) => worker.postMessage({ thresholds: [...values] });
  const listening = { worker, seconds: 0, setThresholds, stop: () => worker.terminate() };
  if (handlers.thresholds) setThresholds(handlers.thresholds);
  const fail = (message) => {
    listening.stop();
    handlers.onError?.(new Error(message));
  };
  worker.onerror = (event) => fail(event.message || "The engine could not be loaded.");
  worker.onmessage = ({ data }) => {
    if (data.failed) return fail(data.failed);
    if (data.lost) return handlers.onLost?.(data.lost);
    if (data.ended) {
      listening.stop();
      return handlers.onEnd?.();
    }
    listening.seconds = data.seconds;
    for (const { event, ...result } of data.results) {
      const at = (time) => Math.max(time - lead / sampleRate, 0);
      handlers.onResult?.({ ...result, time: at(result.time) });
      if (event) handlers.onWord?.({ ...event, time: at(event.time) });
    }
    handlers.onLevel?.(data.level, data.seconds);
  };
  return listening;
}

/** Listen to the microphone until stop() is called. Rejects with an Error that says what to do. */
export async function listen(handlers = {}) {
  if (!globalThis.isSecureContext || !navigator.mediaDevices?.getUserMedia) throw new Error(INSECURE);
  if (!globalThis.AudioWorkletNode) throw new Error(NO_WORKLET);
  let stream;
  try {
    // as it is: the model was trained on sound that no telephone software has changed
    const audio = { channelCount: 1, echoCancellation: false, noiseSuppression: false, autoGainControl: false };
    stream = await navigator.mediaDevices.getUserMedia({ audio });
  } catch (error) {
    throw new Error(SENTENCES[error.name] ?? `The microphone could not be opened: ${error.message}`, { cause: error });
  }
  const context = new AudioContext();
  const end = () => {
    stream.getTracks().forEach((track) => track.stop());
    if (context.state !== "closed") context.close();
  };
  try {
    await context.suspend(); // until all is connected: what runs before loses sound
    await context.audioWorklet.addModule(new URL("./worklet.js", import.meta.url));
    const listening = start(handlers);
    const stopWorker = listening.stop;
    listening.stop = () => {
      stopWorker();
      end();
    };
    const node = new AudioWorkletNode(context, "edgekws_microphone", { numberOfOutputs: 0 });
    const { port1, port2 } = new MessageChannel();
    listening.worker.postMessage({ port: port1, rate: context.sampleRate }, [port1]);
    node.port.postMessage({ port: port2 }, [port2]);
    listening.source = context.createMediaStreamSource(stream); // kept: one that nobody refers to may fall silent
    listening.source.connect(node);
    await context.resume();
    const begun = context.currentTime;
    listening.behind = () => Math.max(context.currentTime - begun - listening.seconds, 0);
    stream.getAudioTracks()[0].onended = () => {
      listening.stop();
      handlers.onError?.(new Error("The microphone went away. Connect it, then listen again."));
    };
    return listening;
  } catch (error) {
    end();
    throw error;
  }
}

/** Hear a recording: an ArrayBuffer or Blob of any format that the browser plays. onEnd is called at its end. */
export async function hear(file, handlers = {}) {
  const content = file instanceof Blob ? await file.arrayBuffer() : file;
  let sound;
  try {
    sound = await new OfflineAudioContext(1, 1, sampleRate).decodeAudioData(content);
  } catch (error) {
    throw new Error("This file is no recording that the browser can play. Choose a WAV, MP3, Ogg or FLAC file.", {
      cause: error,
    });
  }
  const channels = Array.from({ length: sound.numberOfChannels }, (_, i) => sound.getChannelData(i));
  const samples = Int16Array.from(channels[0], (_, i) =>
    toInt16(channels.reduce((sum, channel) => sum + channel[i], 0) / channels.length),
  );
  const listening = start(handlers, delay);
  listening.samples = samples;
  listening.worker.postMessage({ recording: samples });
  return listening;
}

/** Does this browser compute what the PC computed? Resolves with a {check, where, passed} for every check. */
export function selfTest() {
  const worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
  return new Promise((resolve, reject) => {
    worker.onerror = (event) => reject(new Error(event.message || "The engine could not be loaded."));
    worker.onmessage = ({ data }) => (data.checks ? resolve(data.checks) : reject(new Error(data.failed)));
    worker.postMessage({ selfTest: true });
  }).finally(() => worker.terminate());
}
