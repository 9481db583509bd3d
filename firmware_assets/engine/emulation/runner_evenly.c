/* Pushes at an even pace, for the runners; see runner.h. */
#include "edgekws_evenly.h"

size_t runner_push(edgekws_state *state, const int16_t *from, size_t count);
size_t runner_push(edgekws_state *state, const int16_t *from, size_t count)
{
    static edgekws_evenly evenly;
    static bool begun;
    if (!begun) edgekws_evenly_reset(&evenly);
    begun = true;
    return edgekws_evenly_push(&evenly, state, from, count);
}
