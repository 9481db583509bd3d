// On the audio thread, which must never wait: gathers what the microphone gives and sends it on, counted.
const FRAMES = 1024; // a message: 21 ms at 48 kHz

class Microphone extends AudioWorkletProcessor {
  constructor() {
    super();
    this.block = new Float32Array(FRAMES);
    this.filled = 0;
    this.next = -1; // the frame that comes next; -1: nothing came yet
    this.port.onmessage = ({ data }) => {
      this.out = data.port;
    };
  }

  process([channels]) {
    if (!this.out || (this.next < 0 && !channels.length)) return true;
    if (this.next < 0) this.next = currentFrame;
    const lost = currentFrame - this.next;
    for (let i = 0; i < lost; i++) this.add(0);
    if (lost) this.out.postMessage({ lost });
    const frames = channels.length ? channels[0].length : 128; // a muted microphone gives nothing: silence
    for (let i = 0; i < frames; i++) {
      let sum = 0;
      for (const channel of channels) sum += channel[i];
      this.add(channels.length ? sum / channels.length : 0);
    }
    this.next = currentFrame + frames;
    return true;
  }

  add(sample) {
    this.block[this.filled++] = sample;
    if (this.filled < FRAMES) return;
    this.out.postMessage({ samples: this.block.slice() });
    this.filled = 0;
  }
}

registerProcessor("edgekws_microphone", Microphone);
