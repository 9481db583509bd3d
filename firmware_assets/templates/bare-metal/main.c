/* Runs the self-test and says on the serial port how it went. */
#include "edgekws_selftest.h"
#include "uart.h"

static edgekws_state spotter;

static void say(const char *check, const char *where, bool passed)
{
    uart_print(passed ? "ok     " : "FAILED ");
    uart_print(check);
    uart_print(" ");
    uart_print(where);
    uart_print("\n");
}

int main(void)
{
    uart_begin();
    uart_print("edgekws self-test\n");
    uart_print(edgekws_selftest(&spotter, say) ? "self-test FAILED\n" : "self-test PASSED\n");
    return 0;
}

void fault(void);
void fault(void)
{
    uart_print("self-test FAILED: a fault; is memory where link.ld says?\n");
    for (;;) {
    }
}
