// Port of the driver to the simulated system.
#ifndef SLIPSTICK_HOST_H
#define SLIPSTICK_HOST_H

#include <stddef.h>
#include <stdint.h>

#include "slipstick_port.h"

typedef struct {
    void *system;  // from sim_open
    uint8_t *memory;
    uint32_t base;
    size_t bytes;
    uint32_t clock_hz;
} slipstick_host;

// A port whose context is `host`. Its time is that of the simulated clock, so a run takes the same
// course on every machine.
slipstick_port slipstick_host_port(slipstick_host *host);

#endif
