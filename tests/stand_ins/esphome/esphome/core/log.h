#pragma once
#include <cstdio>
#define ESP_LOG_(level, tag, ...) (std::fprintf(stderr, level " %s: ", tag), std::fprintf(stderr, __VA_ARGS__), std::fputc('\n', stderr))
#define ESP_LOGE(tag, ...) ESP_LOG_("E", tag, __VA_ARGS__)
#define ESP_LOGW(tag, ...) ESP_LOG_("W", tag, __VA_ARGS__)
#define ESP_LOGI(tag, ...) ESP_LOG_("I", tag, __VA_ARGS__)
#define ESP_LOGD(tag, ...) ESP_LOG_("D", tag, __VA_ARGS__)
#define ESP_LOGCONFIG(tag, ...) ESP_LOG_("C", tag, __VA_ARGS__)
