#ifndef ARDUINO_H
#define ARDUINO_H
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
struct Stream {
  void begin(unsigned long) {}
  explicit operator bool() const { return true; }
  void print(const char *) {}
  void print(char) {}
  void print(int) {}
  void print(unsigned int) {}
  void print(unsigned long) {}
  void println(const char *line) { puts(line); }
  void println(int) {}
  void println(unsigned int) {}
  void println(unsigned long) {}
};
extern Stream Serial;
void setup();
void loop();
#endif
