/* Does this device compute what the PC computed? Run it once after flashing a new build.
 *
 *     static edgekws_state spotter;
 *     static void say(const char *check, const char *where, bool passed) { printf("%s %s %s\n", ...); }
 *     int failures = edgekws_selftest(&spotter, say);
 *
 * It makes these checks, each with a line, so that the first failure names the broken part:
 *
 *     kernels   says which kernel set the compiler chose; this never fails
 *     memory    the state keeps what is written into it, so RAM is where the linker put it; if not, the test ends
 *     weights   CRC-32 of every layer's weights
 *     scaling   CRC-32 of every layer's bias, multipliers and shifts
 *     shape     CRC-32 of every layer's description: its sizes, and where in the state it reads and writes
 *     table     CRC-32 of the softmax's exponentials
 *     front end its output for samples with an offset
 *     coding    the int8 codes of samples
 *     kernel    every layer alone, on computed numbers: finds wrong rounding, or a kernel built for another core
 *     expected  CRC-32 of the expected scores
 *     samples   CRC-32 of the clips, which integer arithmetic makes
 *     scores    the scores of these clips, from silence to full scale, pushed in pieces of uneven size
 *
 * It needs only the spotter's memory, which it resets at the end, and about 800 bytes of stack. */
#ifndef EDGEKWS_SELFTEST_H
#define EDGEKWS_SELFTEST_H

#include "edgekws.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Called after every check; `where` is a layer, a clip, or empty. */
typedef void edgekws_say(const char *check, const char *where, bool passed);

/* How many checks failed; `say` may be NULL. */
int edgekws_selftest(edgekws_state *spotter, edgekws_say *say);

#ifdef __cplusplus
}
#endif

#endif
