/* A digital microphone on PIO 0: I2S (INMP441, ICS-43434, SPH0645) or PDM (MP34DT06, SPH0641 and their like). */
#ifndef MICROPHONE_H
#define MICROPHONE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Starts to record, `rate` samples a second; false where PIO 0 has no room. */
bool microphone_begin(uint32_t rate);

/* Copies what has come, at most `count` samples, and returns how many. */
size_t microphone_read(int16_t *samples, size_t count);

/* How often so much had come that some was thrown away. */
uint32_t microphone_lost(void);

#endif
