// The mock in place of the Linux port, for its command-line program.
#include <stdlib.h>
#include <string.h>

#include "mock.h"
#include "slipstick_linux.h"

static mock core;

const char *slipstick_linux_open(slipstick_linux *system, unsigned number,
                                 const char *dma_buffer) {
    if (number == 9) return "nothing is there";
    mock_reset(&core);
    // Device 1 is built from another network, 2 fails, 3 has too little memory.
    if (number == 1) core.registers[SLIPSTICK_REG_HASH(0) / 4] = 0;
    if (number == 2) core.errors = SLIPSTICK__ERRORS__READ_DECERR_bm;
    *system = (slipstick_linux){.file = -1, .memory = core.cached, .memory_bytes = MOCK_MEMORY};
    if (number == 3) system->memory_bytes = 70;
    return dma_buffer != NULL && strcmp(dma_buffer, "udmabuf0") != 0 ? "no such buffer" : NULL;
}

void slipstick_linux_close(slipstick_linux *system) { system->memory = NULL; }

slipstick_port slipstick_linux_port(slipstick_linux *system) {
    (void)system;
    return mock_port(&core);
}
