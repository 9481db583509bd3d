#ifndef PDM_H
#define PDM_H
#include <stddef.h>
struct PDMClass {
  int begin(int channels, int rate);
  int available();
  int read(void *, size_t bytes);
  void onReceive(void (*)());
};
extern PDMClass PDM;
#endif
