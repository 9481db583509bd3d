// Prints the words that a microphone hears.
//
// Boards of the Arduino Mbed cores (Nano 33 BLE Sense, Nano RP2040 Connect, Nicla, Portenta with Vision Shield) have the
// PDM library, which it uses. Elsewhere fill in microphoneBegin and microphoneRead: 16-bit samples, EDGEKWS_SAMPLE_RATE a second, one channel.
#include <edgekws_detector.h>
#include <edgekws_evenly.h>
#include <edgekws_frontend.h>

static edgekws_state spotter;
static edgekws_detector detector;
static edgekws_frontend frontend;
static edgekws_evenly evenly;  // no turn of the loop takes much longer than others

#ifdef ARDUINO_ARCH_MBED  // not __has_include: the IDE looks for a library only where it is included
#include <PDM.h>

static int16_t ring[2048];  // an eighth of a second between the interrupt that writes and the loop that reads
static volatile uint32_t written, taken, lost;

static void onSamples() {
  int16_t block[256];
  int bytes = PDM.available();
  while (bytes > 0) {
    const int room = sizeof block;
    const int count = PDM.read(block, bytes < room ? bytes : room) / 2;
    if (count <= 0) return;
    for (int i = 0; i < count; i++) {
      if (written - taken < 2048)
        ring[written++ % 2048] = block[i];
      else
        lost++;
    }
    bytes -= 2 * count;
  }
}

static bool microphoneBegin() {
  PDM.onReceive(onSamples);
  return PDM.begin(1, EDGEKWS_SAMPLE_RATE);
}

static size_t microphoneRead(int16_t *samples, size_t count) {
  size_t read = 0;
  while (read < count && taken != written) samples[read++] = ring[taken++ % 2048];
  return read;
}

static uint32_t microphoneLost() { return lost; }
#else
static bool microphoneBegin() { return false; }                    // fill in: start your microphone
static size_t microphoneRead(int16_t *, size_t) { return 0; }      // fill in: copy what it has, at most count samples
static uint32_t microphoneLost() { return 0; }                     // fill in: samples that came too fast
#endif

void setup() {
  Serial.begin(115200);
  while (!Serial) {
  }
  edgekws_reset(&spotter);
  edgekws_detector_reset(&detector);
  edgekws_frontend_reset(&frontend);
  edgekws_evenly_reset(&evenly);
  if (!microphoneBegin()) {
    Serial.println("no microphone; on this board, fill in microphoneBegin in this sketch");
    while (true) {
    }
  }
}

void loop() {
  static uint32_t reported;
  static int16_t samples[128], ready[128 + EDGEKWS_FRONTEND_WAITING];
  const size_t count = edgekws_frontend_push(&frontend, samples, microphoneRead(samples, 128), ready);
  for (size_t i = 0; i < count;) {
    i += edgekws_evenly_push(&evenly, &spotter, ready + i, count - i);
    if (!edgekws_ready(&spotter)) continue;
    const int word = edgekws_detector_push(&detector, edgekws_scores(&spotter));
    if (word >= 0) Serial.println(edgekws_labels[word]);
  }
  if (microphoneLost() != reported) {
    reported = microphoneLost();
    Serial.print("this board is too slow for the model or its kernels: samples lost so far: ");
    Serial.println(reported);
  }
}
