#pragma once
#include <cstring>
namespace esphome {
// What a device keeps: here one value for all.
class ESPPreferenceObject {
 public:
  template<typename T> bool save(const T *value) {
    kept = true;
    std::memcpy(content, value, sizeof *value);
    return true;
  }
  template<typename T> bool load(T *value) {
    if (kept) std::memcpy(value, content, sizeof *value);
    return kept;
  }
  static inline bool kept = false;
  static inline char content[16];
};
}  // namespace esphome
