// A system core made of software: registers, a memory behind a cache, time, and everything that
// can go wrong.
#ifndef MOCK_H
#define MOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "slipstick.h"
#include "slipstick_regs.h"

#define MOCK_FRAME_BYTES 6u
#define MOCK_RESULT_BYTES 6u
#define MOCK_STAGES 2u
#define MOCK_BASE 0x10000000u
// Enough for more than 2^16 frames, where a program does not say less.
#ifndef MOCK_MEMORY
#define MOCK_MEMORY (1u << 20)
#endif
#define MOCK_NEVER UINT64_MAX

typedef struct {
    // What the processor sees, and what the core sees: they differ until a cache is maintained.
    _Alignas(64) uint8_t cached[MOCK_MEMORY];
    uint8_t memory[MOCK_MEMORY];
    uint64_t base;
    uint32_t registers[0x500 / 4];
    uint64_t now;                // each access and each look at the clock takes 1 us
    uint64_t duration;           // of a batch
    uint64_t ends;               // when the batch that runs does
    bool running;
    uint32_t accesses, starts;
    uint32_t broken;             // offset of a register that answers with an error
    uint32_t errors;             // with which the next batch ends
    uint32_t good;               // results that such a batch still writes
    bool hung;                   // memory does not answer until it is abandoned
    bool patient;                // the watchdog does not mind
    bool no_interrupt;           // the line never rises
    bool wrong;                  // results are off by one
    bool stale;                  // a line of the results was not flushed at the start
    uint64_t waited;             // in wait_interrupt
    uint32_t waits;
} mock;

// A mock that works, with the network of `mock_model`.
void mock_reset(mock *device);
slipstick_port mock_port(mock *device);

// Sums of neighbours of three channels of two pixels, which leave in another order.
extern const slipstick_model mock_model;

// What the network makes of a frame, in the tensor's order.
void mock_compute(const uint8_t *frame, int64_t *values);

#endif
