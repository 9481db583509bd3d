#pragma once
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "freertos/FreeRTOS.h"

// A task is a thread; `idle` says whether it waits to be notified.
struct StandInTask {
  std::mutex lock;
  std::condition_variable changed;
  int notified{0};
  bool waits{false};
  static inline thread_local StandInTask *own = nullptr;
  void wait_until_idle() {
    std::unique_lock<std::mutex> held(this->lock);
    this->changed.wait(held, [this] { return this->waits && !this->notified; });
  }
};
using TaskHandle_t = StandInTask *;

inline BaseType_t xTaskCreate(void (*code)(void *), const char *, uint32_t, void *argument, UBaseType_t, TaskHandle_t *made) {
  auto *task = new StandInTask;
  *made = task;
  std::thread([=] {
    StandInTask::own = task;
    code(argument);
  }).detach();
  return pdPASS;
}
inline void xTaskNotifyGive(TaskHandle_t task) {
  std::lock_guard<std::mutex> held(task->lock);
  task->notified++;
  task->changed.notify_all();
}
inline uint32_t ulTaskNotifyTake(BaseType_t, TickType_t) {
  auto *task = StandInTask::own;
  std::unique_lock<std::mutex> held(task->lock);
  task->waits = true;
  task->changed.notify_all();
  task->changed.wait(held, [task] { return task->notified > 0; });
  task->waits = false;
  task->notified = 0;
  return 1;
}
inline TickType_t xTaskGetTickCount() {
  using namespace std::chrono;
  return static_cast<TickType_t>(duration_cast<milliseconds>(steady_clock::now().time_since_epoch()).count());
}
inline void vTaskDelay(TickType_t ticks) { std::this_thread::sleep_for(std::chrono::milliseconds(ticks)); }
