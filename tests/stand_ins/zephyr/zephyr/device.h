#ifndef ZEPHYR_DEVICE_H
#define ZEPHYR_DEVICE_H
#include <stdbool.h>
struct device { const char *name; };
extern const struct device dmic_dev;
#define DT_NODELABEL(label) label
#define DEVICE_DT_GET(node) (&node)
bool device_is_ready(const struct device *device);
#endif
