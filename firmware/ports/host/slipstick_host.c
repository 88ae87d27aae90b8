#include "slipstick_host.h"

#include "slipstick_sim.h"

static int read32(void *context, uint32_t offset, uint32_t *value) {
    const slipstick_host *host = context;
    return sim_read(host->system, offset, value);
}

static int write32(void *context, uint32_t offset, uint32_t value) {
    const slipstick_host *host = context;
    return sim_write(host->system, offset, value);
}

static int bus_address(void *context, const void *memory, size_t bytes, uint64_t *address) {
    const slipstick_host *host = context;
    const uintptr_t at = (uintptr_t)memory, first = (uintptr_t)host->memory;
    if (at < first || at - first > host->bytes || bytes > host->bytes - (at - first)) return -1;
    *address = host->base + (uint64_t)(at - first);
    return 0;
}

// The simulated memory is the process's own: there is no cache in between.
static void keep(void *context, const void *memory, size_t bytes) {
    (void)context;
    (void)memory;
    (void)bytes;
}

static uint64_t microseconds(void *context) {
    const slipstick_host *host = context;
    const uint64_t cycles = sim_cycles(host->system), hz = host->clock_hz;
    return cycles / hz * 1000000u + cycles % hz * 1000000u / hz;
}

static void wait_interrupt(void *context, uint64_t timeout) {
    const slipstick_host *host = context;
    sim_run_until_interrupt(host->system, timeout * (host->clock_hz / 1000000u + 1));
}

slipstick_port slipstick_host_port(slipstick_host *host) {
    return (slipstick_port){host, read32, write32, bus_address, keep, keep, microseconds,
                            wait_interrupt};
}
