#include "mock.h"

#include <string.h>

#define REGISTER(device, name) ((device)->registers[SLIPSTICK_REG_##name / 4])

static const uint32_t order[] = {2, 0, 1};
static const char *const names[] = {"conv1", "fc"};
static const uint8_t frame[] = {1, 2, 3, 4, 5, 250};
static const uint8_t result[] = {4, 1, 251, 255, 253, 255};

const slipstick_model mock_model = {
    .name = "mock",
    .hash = {0x03020100u, 0x07060504u, 0x0b0a0908u, 0xfffefdfcu},
    .frame_bytes = MOCK_FRAME_BYTES,
    .result_bytes = MOCK_RESULT_BYTES,
    .frame_element = 1,
    .result_element = 2,
    .frame_shape = {3, 1, 2},
    .result_shape = {3, 1, 1},
    .frame_width = 8,
    .result_width = 10,
    .frame_signed = false,
    .result_signed = true,
    .frame_fraction = 8,
    .result_fraction = 4,
    .classes = 3,
    .ends_in_class = false,
    .order = order,
    .interval = 100,
    .clock_hz = 100000000,
    .stages = MOCK_STAGES,
    .stage_names = names,
    .selftest_frame = frame,
    .selftest_result = result,
};

void mock_compute(const uint8_t *in, int64_t *values) {
    values[0] = in[0] - in[3] - 2;
    values[1] = in[1] - in[4];
    values[2] = 10 + in[5];
}

static void write_result(mock *device, uint32_t at, const uint8_t *in) {
    int64_t values[3];
    mock_compute(in, values);
    for (uint32_t place = 0; place < 3; ++place) {
        const uint16_t word = (uint16_t)(values[order[place]] + device->wrong);
        device->memory[at + 2 * place] = (uint8_t)word;
        device->memory[at + 2 * place + 1] = (uint8_t)(word >> 8);
    }
}

static void end(mock *device) {
    const uint32_t frames = device->errors ? device->good : REGISTER(device, FRAMES);
    for (uint32_t n = 0; n < frames; ++n) {
        const uint64_t source = REGISTER(device, SOURCE) + n * REGISTER(device, SOURCE_STRIDE);
        const uint64_t target =
            REGISTER(device, DESTINATION) + n * REGISTER(device, DESTINATION_STRIDE);
        write_result(device, (uint32_t)(target - device->base),
                     device->memory + (source - device->base));
    }
    device->running = false;
    REGISTER(device, FRAMES_READ) = REGISTER(device, FRAMES_WRITTEN) = frames;
    REGISTER(device, STATUS) = SLIPSTICK__STATUS__DONE_bm;
    if (device->errors) REGISTER(device, STATUS) |= SLIPSTICK__STATUS__FAILED_bm;
    REGISTER(device, ERRORS) |= device->errors;
    REGISTER(device, IRQ_STATUS) |= device->errors ? SLIPSTICK__IRQ_STATUS__ERROR_bm
                                                   : SLIPSTICK__IRQ_STATUS__DONE_bm;
}

static void pass(mock *device, uint64_t microseconds) {
    device->now += microseconds;
    if (device->running && !device->hung && device->now >= device->ends) end(device);
}

static void start(mock *device) {
    ++device->starts;
    const uint32_t at = REGISTER(device, DESTINATION) - (uint32_t)device->base;
    device->stale = memcmp(device->cached + at, device->memory + at, MOCK_RESULT_BYTES) != 0;
    if (REGISTER(device, LENGTH) != MOCK_FRAME_BYTES) {
        REGISTER(device, ERRORS) |= SLIPSTICK__ERRORS__SHORT_FRAME_bm;
        return;
    }
    device->running = true;
    device->ends = device->duration == MOCK_NEVER ? MOCK_NEVER : device->now + device->duration;
    REGISTER(device, STATUS) = SLIPSTICK__STATUS__BUSY_bm;
    if (device->hung) REGISTER(device, STATUS) |= SLIPSTICK__STATUS__BUS_BUSY_bm;
    if (device->hung && !device->patient) {
        REGISTER(device, ERRORS) |= SLIPSTICK__ERRORS__WATCHDOG_bm;
        REGISTER(device, IRQ_STATUS) |= SLIPSTICK__IRQ_STATUS__ERROR_bm;
    }
}

static void control(mock *device, uint32_t command) {
    if (command & SLIPSTICK__CONTROL__START_bm) start(device);
    if (command & SLIPSTICK__CONTROL__SOFT_RESET_bm) {
        device->running = false;
        REGISTER(device, ERRORS) = REGISTER(device, IRQ_STATUS) = 0;
        REGISTER(device, STATUS) =
            device->hung ? SLIPSTICK__STATUS__RESETTING_bm | SLIPSTICK__STATUS__BUS_BUSY_bm : 0;
    }
    // Heeded only where the core waits for memory.
    const bool waits = REGISTER(device, STATUS) & SLIPSTICK__STATUS__RESETTING_bm ||
                       REGISTER(device, ERRORS) & SLIPSTICK__ERRORS__WATCHDOG_bm;
    if (command & SLIPSTICK__CONTROL__ABANDON_bm && device->hung && waits) {
        device->hung = false;
        REGISTER(device, STATUS) = 0;
    }
}

static int write32(void *context, uint32_t offset, uint32_t value) {
    mock *device = context;
    pass(device, 1);
    ++device->accesses;
    if (offset == device->broken) return 2;
    if (offset == SLIPSTICK_REG_CONTROL)
        control(device, value);
    else if (offset == SLIPSTICK_REG_ERRORS || offset == SLIPSTICK_REG_IRQ_STATUS)
        device->registers[offset / 4] &= ~value;
    else
        device->registers[offset / 4] = value;
    return 0;
}

static int read32(void *context, uint32_t offset, uint32_t *value) {
    mock *device = context;
    pass(device, 1);
    ++device->accesses;
    if (offset == device->broken) return 2;
    *value = device->registers[offset / 4];
    // The counter goes on between the accesses, far enough to carry in every second one.
    if (offset == SLIPSTICK_REG_CYCLES_HIGH) {
        REGISTER(device, CYCLES_LOW) += 0x80000000u;
        REGISTER(device, CYCLES_HIGH) += REGISTER(device, CYCLES_LOW) < 0x80000000u;
    }
    return 0;
}

static int bus_address(void *context, const void *memory, size_t bytes, uint64_t *address) {
    const mock *device = context;
    const uintptr_t at = (uintptr_t)memory, first = (uintptr_t)device->cached;
    if (at < first || at - first > MOCK_MEMORY || bytes > MOCK_MEMORY - (at - first)) return -1;
    *address = device->base + (at - first);
    return 0;
}

static void flush(void *context, const void *memory, size_t bytes) {
    mock *device = context;
    memcpy(device->memory + ((const uint8_t *)memory - device->cached), memory, bytes);
}

static void invalidate(void *context, const void *memory, size_t bytes) {
    mock *device = context;
    const ptrdiff_t at = (const uint8_t *)memory - device->cached;
    memcpy(device->cached + at, device->memory + at, bytes);
}

static uint64_t microseconds(void *context) {
    mock *device = context;
    pass(device, 1);
    return device->now;
}

static void wait_interrupt(void *context, uint64_t timeout) {
    mock *device = context;
    ++device->waits;
    for (uint64_t n = 0; n < timeout; ++n) {
        const uint32_t raised = REGISTER(device, IRQ_STATUS) & REGISTER(device, IRQ_ENABLE);
        if (raised && !device->no_interrupt) return;
        ++device->waited;
        pass(device, 1);
    }
}

void mock_reset(mock *device) {
    memset(device, 0, sizeof *device);
    memset(device->cached, 0xa5, sizeof device->cached);
    memset(device->memory, 0x5a, sizeof device->memory);
    device->base = MOCK_BASE;
    device->duration = 50;
    device->broken = UINT32_MAX;
    REGISTER(device, ID) = SLIPSTICK__ID__VALUE_reset;
    REGISTER(device, VERSION) = 1u << 24 | 7u << 16 | 9u;
    REGISTER(device, GEOMETRY) = MOCK_STAGES | 1u << 16 | 2u << 20 | 1u << 24;
    REGISTER(device, FRAME_BYTES) = MOCK_FRAME_BYTES;
    REGISTER(device, RESULT_BYTES) = MOCK_RESULT_BYTES;
    for (uint32_t n = 0; n < 4; ++n)
        device->registers[SLIPSTICK_REG_HASH(n) / 4] = mock_model.hash[n];
}

slipstick_port mock_port(mock *device) {
    return (slipstick_port){device, read32, write32, bus_address, flush, invalidate, microseconds,
                            wait_interrupt};
}
