#ifndef PDM_H
#define PDM_H
#include <stddef.h>
struct PDMClass {
  int begin(int channels, int rate) { return channels == 1 && rate > 0; }
  int available() { return 0; }
  int read(void *, size_t bytes) { return static_cast<int>(bytes); }
  void onReceive(void (*)()) {}
};
extern PDMClass PDM;
#endif
