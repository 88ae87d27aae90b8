// Port of the driver to a Zynq-7000 without an operating system.
#ifndef ZYNQ_H
#define ZYNQ_H

#include "slipstick_port.h"

// The Makefile sets these for the board. Where the accelerator's registers are:
#ifndef SLIPSTICK_BASE
#define SLIPSTICK_BASE 0x43c00000u
#endif
// The UART that messages go to: 1, or 0 at 0xe0000000 on PYNQ-Z2 and Arty Z7.
#ifndef SLIPSTICK_UART
#define SLIPSTICK_UART 0xe0001000u
#endif
// The global timer counts at half the processor's clock.
#ifndef SLIPSTICK_TIMER_MHZ
#define SLIPSTICK_TIMER_MHZ 333u
#endif

extern const slipstick_port zynq_port;

// Starts the timer and the interrupt controller.
void zynq_start(void);

// A message for people.
void zynq_print(const char *text);
void zynq_print_number(uint32_t value);

#endif
