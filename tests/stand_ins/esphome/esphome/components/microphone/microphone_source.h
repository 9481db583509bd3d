#pragma once
#include <cstdint>
#include <functional>
#include <vector>
namespace esphome::microphone {
class MicrophoneSource {
 public:
  template<typename F> void add_data_callback(F &&callback) { this->heard_ = callback; }
  void start() { this->running_ = true; }
  void stop() { this->running_ = false; }
  void hear(const std::vector<uint8_t> &data) {
    if (this->running_) this->heard_(data);
  }

 private:
  std::function<void(const std::vector<uint8_t> &)> heard_;
  bool running_{false};
};
}  // namespace esphome::microphone
