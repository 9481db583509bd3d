#ifndef ZEPHYR_KERNEL_H
#define ZEPHYR_KERNEL_H
#include <stddef.h>
#include <stdint.h>
struct k_mem_slab { size_t size; };
#define K_MEM_SLAB_DEFINE_STATIC(name, bytes, count, align) static struct k_mem_slab name = {(bytes) * (count)}
int32_t k_msleep(int32_t ms);
void k_mem_slab_free(struct k_mem_slab *slab, void *block);
#endif
