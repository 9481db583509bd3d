/* In the place of what pioasm makes of microphone.pio. */
#pragma once
#include "hardware/pio.h"
static const pio_program_t i2s_program = {0, 12, -1}, pdm_program = {0, 2, -1};
static inline pio_sm_config i2s_program_get_default_config(uint offset) { return (pio_sm_config){offset, 0, 0, 0}; }
static inline pio_sm_config pdm_program_get_default_config(uint offset) { return (pio_sm_config){offset, 0, 0, 0}; }
