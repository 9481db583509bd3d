#pragma once
namespace esphome {
template<typename T> class Parented {
 public:
  void set_parent(T *parent) { this->parent_ = parent; }

 protected:
  T *parent_{nullptr};
};
}  // namespace esphome
