#pragma once
#include "esphome/core/preferences.h"
namespace esphome::number {
class Number {
 public:
  float state{0.0f};
  virtual ~Number() = default;
  void publish_state(float value) { this->state = value; }
  void set(float value) { this->control(value); }
  template<typename T> ESPPreferenceObject make_entity_preference() { return {}; }

 protected:
  virtual void control(float value) = 0;
};
}  // namespace esphome::number
