// Port of the driver to Linux: registers and interrupt through UIO, memory from a reserved range or
// from u-dma-buf.
#ifndef SLIPSTICK_LINUX_H
#define SLIPSTICK_LINUX_H

#include <stddef.h>
#include <stdint.h>

#include "slipstick_port.h"

typedef struct {
    int file;  // the UIO device
    volatile uint32_t *registers;
    size_t register_bytes;
    uint8_t *memory;  // for frames and results, uncached
    size_t memory_bytes;
    uint64_t address;  // as the accelerator sees it
} slipstick_linux;

// Opens /dev/uio<number>. Its first map holds the registers; memory is its second map, or, where
// `dma_buffer` is not NULL, that buffer of u-dma-buf. NULL, or what is wrong in one line.
const char *slipstick_linux_open(slipstick_linux *system, unsigned number, const char *dma_buffer);
void slipstick_linux_close(slipstick_linux *system);

slipstick_port slipstick_linux_port(slipstick_linux *system);

#endif
