// The mock behind the functions of a simulated system. Its memory has no cache.
#include <string.h>

#include "mock.h"
#include "slipstick_sim.h"

static mock core;
static slipstick_port port;

void *sim_open(uint64_t seed, const char *profile, uint32_t base, size_t bytes) {
    if (strcmp(profile, "fast") != 0 || base != MOCK_BASE || bytes != MOCK_MEMORY) return NULL;
    mock_reset(&core);
    port = mock_port(&core);
    // A seed of 1 is a core that fails.
    core.errors = seed == 1 ? SLIPSTICK__ERRORS__WRITE_SLVERR_bm : 0;
    return &core;
}

void sim_close(void *system) { (void)system; }

static void pass(uint64_t cycles) {
    memcpy(core.memory, core.cached, MOCK_MEMORY);
    for (uint64_t n = 0; n < cycles; ++n) port.microseconds(port.context);
    memcpy(core.cached, core.memory, MOCK_MEMORY);
}

int sim_read(void *system, uint32_t offset, uint32_t *value) {
    pass(1);
    return port.read32(system, offset, value);
}

int sim_write(void *system, uint32_t offset, uint32_t value) {
    pass(1);
    return port.write32(system, offset, value);
}

void sim_run(void *system, uint64_t cycles) {
    (void)system;
    pass(cycles);
}

int sim_interrupt(void *system) {
    (void)system;
    return core.registers[SLIPSTICK_REG_IRQ_STATUS / 4] != 0;
}

int sim_run_until_interrupt(void *system, uint64_t cycles) {
    for (; cycles > 0 && !sim_interrupt(system); --cycles) pass(1);
    return sim_interrupt(system);
}

uint64_t sim_cycles(void *system) {
    (void)system;
    return core.now * 100;
}

uint8_t *sim_memory(void *system, uint32_t address, size_t bytes) {
    (void)system;
    const uint32_t at = address - MOCK_BASE;
    return at <= MOCK_MEMORY && bytes <= MOCK_MEMORY - at ? core.cached + at : NULL;
}

void sim_allow_writes(void *system, uint32_t address, size_t bytes) {
    (void)system;
    (void)address;
    (void)bytes;
}

const char *sim_violations(void *system) {
    (void)system;
    return "cycle 3: first\ncycle 4: second\n";
}
