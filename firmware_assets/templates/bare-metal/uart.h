/* The board's serial port, 115200 baud, polled. */
#ifndef UART_H
#define UART_H

void uart_begin(void);
void uart_print(const char *text);

#endif
