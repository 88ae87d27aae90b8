// The simulated system as the host port sees it: what `sim/system` builds as a library.
#ifndef SLIPSTICK_SIM_H
#define SLIPSTICK_SIM_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// A system whose memory has `bytes` bytes from address `base` on, both multiples of 4096.
// `profile` names how memory behaves: "fast", "random" or "slow". NULL if it cannot be made.
void *sim_open(uint64_t seed, const char *profile, uint32_t base, size_t bytes);
void sim_close(void *system);

// One register access through the AXI4-Lite port: the bus's response, 0 for OKAY.
int sim_read(void *system, uint32_t offset, uint32_t *value);
int sim_write(void *system, uint32_t offset, uint32_t value);

// Lets bus clock cycles pass; the second one stops when the interrupt line is high, and tells
// whether it is.
void sim_run(void *system, uint64_t cycles);
int sim_run_until_interrupt(void *system, uint64_t cycles);
uint64_t sim_cycles(void *system);

// The interrupt line.
int sim_interrupt(void *system);

// The bytes of memory at `address`; NULL when they are not all inside.
uint8_t *sim_memory(void *system, uint32_t address, size_t bytes);

// The core may write these bytes, too. Until the first call it may write everywhere.
void sim_allow_writes(void *system, uint32_t address, size_t bytes);

// Rules of the bus that were broken so far, a line each.
const char *sim_violations(void *system);

#ifdef __cplusplus
}
#endif

#endif
