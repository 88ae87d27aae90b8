// What the driver needs of the machine that it runs on: registers, memory, time and an interrupt.
//
// A port is a structure of functions and not a set of names for the linker, so that one program
// can hold two accelerators, and so that tests can give the driver a device made of software. The
// price is one indirect call an access, which is little beside the access itself.
#ifndef SLIPSTICK_PORT_H
#define SLIPSTICK_PORT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    // Passed to every function.
    void *context;
    // One 32-bit register at a byte offset. Nonzero: the bus answered with an error.
    int (*read32)(void *context, uint32_t offset, uint32_t *value);
    int (*write32)(void *context, uint32_t offset, uint32_t value);
    // The address at which the accelerator sees the memory at `memory`. Nonzero: it does not see
    // all of these bytes.
    int (*bus_address)(void *context, const void *memory, size_t bytes, uint64_t *address);
    // Makes what the processor wrote visible to the accelerator; no cache line of these bytes is
    // left that could be written back later.
    void (*flush)(void *context, const void *memory, size_t bytes);
    // Makes what the accelerator wrote visible to the processor.
    void (*invalidate)(void *context, const void *memory, size_t bytes);
    // Time since any moment; never goes back.
    uint64_t (*microseconds)(void *context);
    // Waits until the interrupt line is high, or for the time given; it may return early. The line
    // is a level: if it is high already, this returns at once.
    void (*wait_interrupt)(void *context, uint64_t microseconds);
} slipstick_port;

#ifdef __cplusplus
}
#endif

#endif
