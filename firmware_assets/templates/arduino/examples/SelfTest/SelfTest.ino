// Does this board compute what the PC computed? A line for every check of edgekws_selftest.h, over Serial.
#include <edgekws_selftest.h>

static edgekws_state spotter;

static void say(const char *check, const char *where, bool passed) {
  Serial.print(passed ? "ok     " : "FAILED ");
  Serial.print(check);
  Serial.print(' ');
  Serial.println(where);
}

void setup() {
  Serial.begin(115200);
  while (!Serial) {
  }
  Serial.println(edgekws_selftest(&spotter, say) ? "self-test FAILED" : "self-test PASSED");
}

void loop() {}
