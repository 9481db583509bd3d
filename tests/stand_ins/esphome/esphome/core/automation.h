#pragma once
#include <functional>
#include <string>
namespace esphome {
template<typename... Ts> class Trigger {
 public:
  void trigger(const Ts &...x) { this->automation(x...); }
  std::function<void(const Ts &...)> automation = [](const Ts &...) {};
};
template<typename... Ts> class Action {
 public:
  virtual ~Action() = default;
  virtual void play(const Ts &...x) = 0;
};
template<typename... Ts> class Condition {
 public:
  virtual ~Condition() = default;
  virtual bool check(const Ts &...x) = 0;
};
}  // namespace esphome
