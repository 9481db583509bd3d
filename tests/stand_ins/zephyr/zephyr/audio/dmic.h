#ifndef ZEPHYR_DMIC_H
#define ZEPHYR_DMIC_H
#include <stddef.h>
#include <stdint.h>
#include <zephyr/device.h>
struct k_mem_slab;
enum pdm_lr { PDM_CHAN_LEFT, PDM_CHAN_RIGHT };
enum dmic_trigger { DMIC_TRIGGER_STOP, DMIC_TRIGGER_START };
struct pdm_io_cfg { uint32_t min_pdm_clk_freq, max_pdm_clk_freq; uint8_t min_pdm_clk_dc, max_pdm_clk_dc; };
struct pcm_stream_cfg { uint32_t pcm_rate; uint8_t pcm_width; uint16_t block_size; struct k_mem_slab *mem_slab; };
struct pdm_chan_cfg { uint32_t req_chan_map_lo, req_chan_map_hi; uint8_t req_num_chan, req_num_streams; };
struct dmic_cfg { struct pdm_io_cfg io; struct pcm_stream_cfg *streams; struct pdm_chan_cfg channel; };
uint32_t dmic_build_channel_map(uint8_t channel, uint8_t pdm, enum pdm_lr side);
int dmic_configure(const struct device *device, struct dmic_cfg *settings);
int dmic_trigger(const struct device *device, enum dmic_trigger trigger);
int dmic_read(const struct device *device, uint8_t stream, void **block, size_t *size, int32_t timeout);
#endif
