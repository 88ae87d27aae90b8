// The driver on the simulated system whose memory fails, one function a case.
//
// Arguments: CASE PROFILE. Exit code 0 when the case passes. After each the self-test must pass.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "slipstick.h"
#include "slipstick_host.h"
#include "slipstick_model.h"
#include "slipstick_regs.h"
#include "slipstick_sim.h"

#define CHECK(condition)                                                    \
    do {                                                                    \
        if (!(condition)) {                                                 \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
            exit(1);                                                        \
        }                                                                   \
    } while (0)

#define BASE 0x10000000u
#define BYTES 0x20000u
#define RESULTS 0x10000u
#define FRAMES 5u
#define TIMEOUT_US 100000u

// As in sim/system/harness/faults.h.
enum {
    NONE,
    READ_SLVERR,
    READ_DECERR,
    WRITE_SLVERR,
    WRITE_DECERR,
    SILENT_READS,
    SILENT_WRITES,
    DEAF_ADDRESSES,
    DEAF_DATA,
    BUS_RESET,
    LOST_INTERRUPT
};

void sim_fault(void *system, int fault, uint64_t count);

static slipstick_host host = {.base = BASE, .bytes = BYTES};
static slipstick_port port;
static slipstick_device device;

static void attach(uint32_t source, uint32_t destination) {
    const slipstick_buffers buffers = {host.memory + source,
                                       FRAMES * SLIPSTICK_FRAME_BYTES,
                                       SLIPSTICK_FRAME_BYTES,
                                       host.memory + destination,
                                       FRAMES * SLIPSTICK_RESULT_BYTES,
                                       SLIPSTICK_RESULT_BYTES};
    CHECK(slipstick_attach(&device, &buffers) == SLIPSTICK_OK);
    sim_allow_writes(host.system, BASE + destination, FRAMES * SLIPSTICK_RESULT_BYTES);
    for (uint32_t n = 0; n < FRAMES; ++n)
        CHECK(slipstick_load(&device, n, slipstick_network.selftest_frame) == SLIPSTICK_OK);
}

static bool right(uint32_t frames) {
    const uint8_t *golden = slipstick_network.selftest_result;
    for (uint32_t n = 0; n < frames; ++n)
        if (memcmp(slipstick_raw_result(&device, n), golden, SLIPSTICK_RESULT_BYTES) != 0)
            return false;
    return true;
}

static void run_well(void) {
    CHECK(slipstick_start(&device, FRAMES) == SLIPSTICK_OK);
    CHECK(slipstick_wait_irq(&device, TIMEOUT_US) == SLIPSTICK_OK);
    CHECK(right(FRAMES));
}

static void batch(void) {
    run_well();
    slipstick_run_counters counters;
    CHECK(slipstick_counters(&device, &counters) == SLIPSTICK_OK);
    CHECK(counters.frames_read == FRAMES && counters.frames_written == FRAMES);
    CHECK(counters.cycles > 0 && counters.cycles < sim_cycles(host.system));
}

static void any_byte(void) {
    for (uint32_t n = 0; n < 8; ++n) {
        attach(n, RESULTS + 2 * ((n + 3) % 8));
        run_well();
    }
}

static void fails_with(int fault, uint64_t count, uint32_t cause) {
    sim_fault(host.system, fault, count);
    CHECK(slipstick_start(&device, FRAMES) == SLIPSTICK_OK);
    CHECK(slipstick_wait_irq(&device, TIMEOUT_US) == SLIPSTICK_FAILED);
    const slipstick_error error = slipstick_last_error(&device);
    CHECK(error.status == SLIPSTICK_FAILED && error.causes == cause);
    slipstick_run_counters counters;
    CHECK(slipstick_counters(&device, &counters) == SLIPSTICK_OK);
    CHECK(counters.frames_written < FRAMES && right(counters.frames_written));
    run_well();
}

static void read_errors(void) {
    for (uint64_t beat = 1; beat < 60; beat += 7) {
        fails_with(READ_SLVERR, beat, SLIPSTICK__ERRORS__READ_SLVERR_bm);
        fails_with(READ_DECERR, beat, SLIPSTICK__ERRORS__READ_DECERR_bm);
    }
}

static void write_errors(void) {
    for (uint64_t burst = 1; burst <= FRAMES; ++burst) {
        fails_with(WRITE_SLVERR, burst, SLIPSTICK__ERRORS__WRITE_SLVERR_bm);
        fails_with(WRITE_DECERR, burst, SLIPSTICK__ERRORS__WRITE_DECERR_bm);
    }
}

static void hang(int fault) {
    device.watchdog = 3000;
    sim_fault(host.system, fault, 1);
    CHECK(slipstick_start(&device, FRAMES) == SLIPSTICK_OK);
    CHECK(slipstick_wait_irq(&device, TIMEOUT_US) == SLIPSTICK_HUNG);
    CHECK(slipstick_last_error(&device).causes == SLIPSTICK__ERRORS__WATCHDOG_bm);
}

static void recovers(void) {
    for (int fault = SILENT_READS; fault <= DEAF_DATA; ++fault) {
        hang(fault);
        CHECK(slipstick_poll(&device) == SLIPSTICK_HUNG);
        sim_fault(host.system, NONE, 1);
        CHECK(slipstick_wait_irq(&device, TIMEOUT_US) != SLIPSTICK_TIMEOUT);
        CHECK(slipstick_reset(&device) == SLIPSTICK_OK);
        run_well();
    }
}

static void abandons(void) {
    for (int fault = SILENT_READS; fault <= DEAF_DATA; ++fault) {
        hang(fault);
        sim_fault(host.system, BUS_RESET, 1);
        CHECK(slipstick_abandon(&device) == SLIPSTICK_OK);
        sim_fault(host.system, NONE, 1);
        run_well();
    }
}

static void reset_of_a_dead_bus_ends(void) {
    hang(SILENT_READS);
    CHECK(slipstick_reset(&device) == SLIPSTICK_HUNG);
    sim_fault(host.system, NONE, 1);
    CHECK(slipstick_reset(&device) == SLIPSTICK_OK);
}

static void lost_interrupt(void) {
    sim_fault(host.system, LOST_INTERRUPT, 1);
    run_well();
    sim_fault(host.system, NONE, 1);
}

static void time_out(void) {
    CHECK(slipstick_start(&device, FRAMES) == SLIPSTICK_OK);
    CHECK(slipstick_wait_irq(&device, 0) == SLIPSTICK_TIMEOUT);
    CHECK(slipstick_wait_irq(&device, TIMEOUT_US) == SLIPSTICK_OK);
    CHECK(right(FRAMES));
}

static void busy(void) {
    CHECK(slipstick_start(&device, FRAMES) == SLIPSTICK_OK);
    CHECK(slipstick_start(&device, FRAMES) == SLIPSTICK_BUSY);
    CHECK(slipstick_wait_irq(&device, TIMEOUT_US) == SLIPSTICK_OK);
    CHECK(right(FRAMES));
}

static void reset_in_a_run(void) {
    for (uint64_t cycles = 0; cycles < 300; cycles += 11) {
        CHECK(slipstick_start(&device, FRAMES) == SLIPSTICK_OK);
        sim_run(host.system, cycles);
        CHECK(slipstick_reset(&device) == SLIPSTICK_OK);
        run_well();
    }
}

static void refusals(void) {
    CHECK(slipstick_start(&device, 0) == SLIPSTICK_NO_FRAMES);
    CHECK(slipstick_start(&device, FRAMES + 1) == SLIPSTICK_NO_ROOM);
    slipstick_buffers buffers = device.buffers;
    buffers.source = host.memory + BYTES - SLIPSTICK_FRAME_BYTES;
    CHECK(slipstick_attach(&device, &buffers) == SLIPSTICK_UNREACHABLE);
    slipstick_model other = slipstick_network;
    other.hash[3] ^= 1;
    slipstick_device stranger;
    CHECK(slipstick_init(&stranger, &port, &other) == SLIPSTICK_WRONG_NETWORK);
}

static const struct {
    const char *name;
    void (*run)(void);
} CASES[] = {
    {"batch", batch},
    {"any_byte", any_byte},
    {"read_errors", read_errors},
    {"write_errors", write_errors},
    {"recovers", recovers},
    {"abandons", abandons},
    {"reset_of_a_dead_bus_ends", reset_of_a_dead_bus_ends},
    {"lost_interrupt", lost_interrupt},
    {"time_out", time_out},
    {"busy", busy},
    {"reset_in_a_run", reset_in_a_run},
    {"refusals", refusals},
};

int main(int argc, char **argv) {
    CHECK(argc == 3);
    // A slow clock makes the driver's time-outs short.
    host.clock_hz = 2000000;
    host.system = sim_open(1, argv[2], BASE, BYTES);
    CHECK(host.system != NULL);
    host.memory = sim_memory(host.system, BASE, BYTES);
    port = slipstick_host_port(&host);
    CHECK(slipstick_init(&device, &port, &slipstick_network) == SLIPSTICK_OK);
    attach(0, RESULTS);
    bool found = false;
    for (size_t n = 0; n < sizeof CASES / sizeof *CASES; ++n) {
        if (strcmp(CASES[n].name, argv[1]) != 0) continue;
        CASES[n].run();
        found = true;
    }
    CHECK(found);
    CHECK(slipstick_selftest(&device, TIMEOUT_US) == SLIPSTICK_OK);
    fprintf(stderr, "%s", sim_violations(host.system));
    CHECK(*sim_violations(host.system) == '\0');
    sim_close(host.system);
    return 0;
}
