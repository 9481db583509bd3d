#include <stdint.h>
void vTaskDelay(uint32_t ticks);
TickType_t xTaskGetTickCount(void);
