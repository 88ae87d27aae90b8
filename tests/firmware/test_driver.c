// Tests of the driver against a mock device, one function a case.
//
// Without arguments it lists the names of the cases; with one it runs that case. Exit code 0 when
// it passes.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mock.h"
#include "slipstick.h"

#define CHECK(condition)                                                       \
    do {                                                                       \
        if (!(condition)) {                                                    \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);    \
            exit(1);                                                           \
        }                                                                      \
    } while (0)

#define PLACES 4u
#define PATIENCE 1000u

static mock core;
static slipstick_port port;
static slipstick_device device;

static slipstick_buffers buffers(void) {
    return (slipstick_buffers){
        .source = core.cached + 3,
        .source_bytes = 8 * PLACES,
        .source_stride = 8,
        .destination = core.cached + 1024,
        .destination_bytes = 6 * PLACES,
        .destination_stride = 6,
    };
}

static void set_up(void) {
    mock_reset(&core);
    port = mock_port(&core);
    CHECK(slipstick_init(&device, &port, &mock_model) == SLIPSTICK_OK);
    const slipstick_buffers memory = buffers();
    CHECK(slipstick_attach(&device, &memory) == SLIPSTICK_OK);
}

// The error is the one asked for, everywhere where it is told.
static bool refused(slipstick_status got, slipstick_status wanted) {
    const slipstick_error error = slipstick_last_error(&device);
    return got == wanted && error.status == wanted && error.text != NULL && *error.text != '\0';
}

static slipstick_status init(void) {
    port = mock_port(&core);
    return slipstick_init(&device, &port, &mock_model);
}

static void draw(uint8_t *image, uint32_t seed) {
    for (uint32_t n = 0; n < MOCK_FRAME_BYTES; ++n) image[n] = (uint8_t)(seed * 37 + n * 11);
}

static void check_result(uint32_t index, const uint8_t *image) {
    int64_t wanted[3], got[3];
    mock_compute(image, wanted);
    CHECK(slipstick_result(&device, index, got) == SLIPSTICK_OK);
    CHECK(memcmp(wanted, got, sizeof got) == 0);
}

static void one_frame(void) {
    set_up();
    uint8_t image[MOCK_FRAME_BYTES];
    draw(image, 5);
    CHECK(slipstick_load(&device, 0, image) == SLIPSTICK_OK);
    CHECK(slipstick_start(&device, 1) == SLIPSTICK_OK);
    CHECK(slipstick_poll(&device) == SLIPSTICK_RUNNING);
    CHECK(slipstick_wait_irq(&device, PATIENCE) == SLIPSTICK_OK);
    check_result(0, image);
    CHECK(!core.stale);
    CHECK(core.registers[SLIPSTICK_REG_IRQ_STATUS / 4] == 0);
    CHECK(core.registers[SLIPSTICK_REG_WATCHDOG / 4] == 100 * 2 * 4 + (1u << 20));
    CHECK(core.registers[SLIPSTICK_REG_SATURATION_LIMIT / 4] == UINT32_MAX);
    CHECK(slipstick_last_error(&device).status == SLIPSTICK_OK);
}

static void polling(void) {
    set_up();
    uint8_t image[MOCK_FRAME_BYTES];
    draw(image, 6);
    CHECK(slipstick_load(&device, 2, image) == SLIPSTICK_OK);
    CHECK(slipstick_start(&device, 3) == SLIPSTICK_OK);
    slipstick_status status;
    while ((status = slipstick_poll(&device)) == SLIPSTICK_RUNNING) continue;
    CHECK(status == SLIPSTICK_OK);
    check_result(2, image);
    CHECK(core.waits == 0);
    CHECK(core.registers[SLIPSTICK_REG_IRQ_STATUS / 4] == 0);
}

static void image_in_place(void) {
    set_up();
    uint8_t *place = slipstick_frame(&device, 1);
    draw(place, 7);
    CHECK(slipstick_load(&device, 1, place) == SLIPSTICK_OK);
    CHECK(memcmp(core.memory + (place - core.cached), place, MOCK_FRAME_BYTES) == 0);
}

static void batches(void) {
    set_up();
    enum { FRAMES = 11 };
    uint8_t images[FRAMES * MOCK_FRAME_BYTES];
    int64_t values[FRAMES * 3], wanted[3];
    for (uint32_t n = 0; n < FRAMES; ++n) draw(images + n * MOCK_FRAME_BYTES, n);
    CHECK(slipstick_infer(&device, images, FRAMES, values, PATIENCE) == SLIPSTICK_OK);
    for (uint32_t n = 0; n < FRAMES; ++n) {
        mock_compute(images + n * MOCK_FRAME_BYTES, wanted);
        CHECK(memcmp(values + n * 3, wanted, sizeof wanted) == 0);
    }
    CHECK(core.starts == 3);
}

static void classes(void) {
    set_up();
    const int64_t values[] = {-5, 7, 7}, lowest[] = {-1, -2, -3};
    uint32_t found = 9;
    CHECK(slipstick_class(&device, values, &found) == SLIPSTICK_OK && found == 1);
    CHECK(slipstick_class(&device, lowest, &found) == SLIPSTICK_OK && found == 0);
    CHECK(refused(slipstick_class(&device, NULL, &found), SLIPSTICK_NULL));
    CHECK(refused(slipstick_class(&device, values, NULL), SLIPSTICK_NULL));
    slipstick_model model = mock_model;
    model.ends_in_class = true;
    device.model = &model;
    const int64_t class_value[] = {2};
    CHECK(slipstick_class(&device, class_value, &found) == SLIPSTICK_OK && found == 2);
    model.classes = 0;
    CHECK(refused(slipstick_class(&device, values, &found), SLIPSTICK_NO_CLASS));
}

// Elements of every size, signed or not, in their natural order.
static void elements(void) {
    set_up();
    static const uint8_t bytes[] = {0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbf};
    static const struct {
        uint32_t size;
        bool is_signed;
        int64_t value;
    } cases[] = {
        {1, false, 0xfe},        {1, true, -2}, {2, false, 0xfffe}, {2, true, -2},
        {4, false, 0xfffffffeu}, {4, true, -2}, {8, true, -0x4000000000000002},
    };
    slipstick_model model = mock_model;
    device.model = &model;
    model.order = NULL;
    model.result_shape[0] = 1;
    memcpy(core.cached + 1024, bytes, sizeof bytes);
    for (size_t n = 0; n < sizeof cases / sizeof *cases; ++n) {
        int64_t value;
        model.result_element = cases[n].size;
        model.result_signed = cases[n].is_signed;
        CHECK(slipstick_result(&device, 0, &value) == SLIPSTICK_OK);
        CHECK(value == cases[n].value);
    }
}

static void images_of_results(void) {
    set_up();
    static const uint32_t order[] = {1, 0};
    slipstick_model model = mock_model;
    device.model = &model;
    model.order = order;
    model.result_element = 1;
    model.result_signed = false;
    model.result_shape[0] = 2;
    model.result_shape[2] = 3;
    for (uint8_t n = 0; n < 6; ++n) core.cached[1024 + n] = n;
    const int64_t wanted[] = {1, 0, 3, 2, 5, 4};
    int64_t values[6];
    CHECK(slipstick_result(&device, 0, values) == SLIPSTICK_OK);
    CHECK(memcmp(values, wanted, sizeof values) == 0);
}

static void selftest(void) {
    set_up();
    CHECK(slipstick_selftest(&device, PATIENCE) == SLIPSTICK_OK);
    core.wrong = true;
    CHECK(refused(slipstick_selftest(&device, PATIENCE), SLIPSTICK_WRONG_RESULT));
    core.wrong = false;
    CHECK(slipstick_selftest(&device, PATIENCE) == SLIPSTICK_OK);
    // A core that says it is done and writes nothing.
    core.errors = 0;
    core.registers[SLIPSTICK_REG_FRAMES / 4] = 0;
    core.broken = SLIPSTICK_REG_FRAMES;
    CHECK(refused(slipstick_selftest(&device, PATIENCE), SLIPSTICK_BUS_ERROR));
}

static void stale_result(void) {
    set_up();
    CHECK(slipstick_selftest(&device, PATIENCE) == SLIPSTICK_OK);
    // The right result of before must not pass for that of a core that has written nothing.
    core.errors = SLIPSTICK__ERRORS__READ_SLVERR_bm;
    CHECK(refused(slipstick_selftest(&device, PATIENCE), SLIPSTICK_FAILED));
    const uint8_t *found = slipstick_raw_result(&device, 0);
    CHECK(memcmp(found, mock_model.selftest_result, MOCK_RESULT_BYTES) != 0);
}

static void wrong_device(void) {
    mock_reset(&core);
    core.registers[SLIPSTICK_REG_ID / 4] ^= 1;
    CHECK(refused(init(), SLIPSTICK_WRONG_DEVICE));
    // Nothing of a device that was not recognised is used or written.
    CHECK(core.accesses == 2);
    CHECK(slipstick_reset(&device) == SLIPSTICK_NOT_READY);
    CHECK(core.accesses == 2);
}

static void wrong_version(void) {
    mock_reset(&core);
    core.registers[SLIPSTICK_REG_VERSION / 4] = 2u << 24;
    CHECK(refused(init(), SLIPSTICK_WRONG_VERSION));
}

static void wrong_network(void) {
    for (uint32_t word = 0; word < 4; ++word) {
        mock_reset(&core);
        core.registers[SLIPSTICK_REG_HASH(word) / 4] ^= 0x80000000u;
        CHECK(refused(init(), SLIPSTICK_WRONG_NETWORK));
    }
}

static void wrong_geometry(void) {
    static const uint32_t offsets[] = {SLIPSTICK_REG_FRAME_BYTES, SLIPSTICK_REG_RESULT_BYTES,
                                       SLIPSTICK_REG_GEOMETRY};
    for (size_t n = 0; n < 3; ++n) {
        mock_reset(&core);
        ++core.registers[offsets[n] / 4];
        CHECK(refused(init(), SLIPSTICK_WRONG_GEOMETRY));
    }
    for (uint32_t bit = 16; bit < 24; bit += 4) {
        mock_reset(&core);
        core.registers[SLIPSTICK_REG_GEOMETRY / 4] += 1u << bit;
        CHECK(refused(init(), SLIPSTICK_WRONG_GEOMETRY));
    }
    // A clock of its own is the core's affair.
    mock_reset(&core);
    core.registers[SLIPSTICK_REG_GEOMETRY / 4] ^= 1u << 24;
    CHECK(init() == SLIPSTICK_OK);
}

static void null_arguments(void) {
    mock_reset(&core);
    port = mock_port(&core);
    CHECK(slipstick_init(NULL, &port, &mock_model) == SLIPSTICK_NULL);
    CHECK(refused(slipstick_init(&device, NULL, &mock_model), SLIPSTICK_NULL));
    CHECK(refused(slipstick_init(&device, &port, NULL), SLIPSTICK_NULL));
    port.flush = NULL;
    CHECK(refused(slipstick_init(&device, &port, &mock_model), SLIPSTICK_NULL));
    CHECK(core.accesses == 0);
    set_up();
    const uint32_t before = core.accesses;
    uint8_t image[MOCK_FRAME_BYTES] = {0};
    int64_t values[3];
    CHECK(refused(slipstick_attach(&device, NULL), SLIPSTICK_NULL));
    CHECK(refused(slipstick_load(&device, 0, NULL), SLIPSTICK_NULL));
    CHECK(refused(slipstick_result(&device, 0, NULL), SLIPSTICK_NULL));
    CHECK(refused(slipstick_infer(&device, NULL, 1, values, 1), SLIPSTICK_NULL));
    CHECK(refused(slipstick_infer(&device, image, 1, NULL, 1), SLIPSTICK_NULL));
    CHECK(refused(slipstick_counters(&device, NULL), SLIPSTICK_NULL));
    CHECK(refused(slipstick_stage(&device, 0, NULL), SLIPSTICK_NULL));
    CHECK(core.accesses == before);
    CHECK(slipstick_attach(NULL, NULL) == SLIPSTICK_NULL);
    CHECK(slipstick_start(NULL, 1) == SLIPSTICK_NULL);
    CHECK(slipstick_poll(NULL) == SLIPSTICK_NULL);
    CHECK(slipstick_wait_irq(NULL, 1) == SLIPSTICK_NULL);
    CHECK(slipstick_reset(NULL) == SLIPSTICK_NULL);
    CHECK(slipstick_abandon(NULL) == SLIPSTICK_NULL);
    CHECK(slipstick_selftest(NULL, 1) == SLIPSTICK_NULL);
    CHECK(slipstick_frame(NULL, 0) == NULL && slipstick_raw_result(NULL, 0) == NULL);
    CHECK(slipstick_last_error(NULL).status == SLIPSTICK_NULL);
}

static void not_ready(void) {
    mock_reset(&core);
    port = mock_port(&core);
    CHECK(slipstick_init(&device, &port, &mock_model) == SLIPSTICK_OK);
    const uint32_t before = core.accesses;
    uint8_t image[MOCK_FRAME_BYTES] = {0};
    int64_t values[3];
    CHECK(refused(slipstick_load(&device, 0, image), SLIPSTICK_NOT_READY));
    CHECK(refused(slipstick_start(&device, 1), SLIPSTICK_NOT_READY));
    CHECK(refused(slipstick_poll(&device), SLIPSTICK_NOT_READY));
    CHECK(refused(slipstick_wait_irq(&device, 1), SLIPSTICK_NOT_READY));
    CHECK(refused(slipstick_result(&device, 0, values), SLIPSTICK_NOT_READY));
    CHECK(refused(slipstick_infer(&device, image, 1, values, 1), SLIPSTICK_NOT_READY));
    CHECK(refused(slipstick_selftest(&device, 1), SLIPSTICK_NOT_READY));
    CHECK(slipstick_frame(&device, 0) == NULL && slipstick_raw_result(&device, 0) == NULL);
    CHECK(core.accesses == before);
}

static slipstick_status attach(slipstick_buffers memory) {
    return slipstick_attach(&device, &memory);
}

static void bad_buffers(void) {
    set_up();
    const uint32_t before = core.accesses;
    slipstick_buffers bad = buffers();
    bad.source = NULL;
    CHECK(refused(attach(bad), SLIPSTICK_NULL));
    bad = buffers();
    bad.destination = NULL;
    CHECK(refused(attach(bad), SLIPSTICK_NULL));
    bad = buffers();
    bad.destination = core.cached + 1025;
    CHECK(refused(attach(bad), SLIPSTICK_MISALIGNED));
    bad = buffers();
    bad.destination_stride = 7;
    CHECK(refused(attach(bad), SLIPSTICK_MISALIGNED));
    bad = buffers();
    bad.source_stride = MOCK_FRAME_BYTES - 1;
    CHECK(refused(attach(bad), SLIPSTICK_BAD_STRIDE));
    bad = buffers();
    bad.destination_stride = 0;
    CHECK(refused(attach(bad), SLIPSTICK_BAD_STRIDE));
    bad = buffers();
    bad.source_bytes = MOCK_FRAME_BYTES - 1;
    CHECK(refused(attach(bad), SLIPSTICK_NO_ROOM));
    bad = buffers();
    bad.destination_bytes = 0;
    CHECK(refused(attach(bad), SLIPSTICK_NO_ROOM));
    bad = buffers();
    bad.source = &device;
    CHECK(refused(attach(bad), SLIPSTICK_UNREACHABLE));
    bad = buffers();
    bad.source_bytes = MOCK_MEMORY;
    CHECK(refused(attach(bad), SLIPSTICK_UNREACHABLE));
    CHECK(core.accesses == before);
    // A refused call leaves what was there.
    CHECK(device.capacity == PLACES);
}

static void end_of_address_space(void) {
    set_up();
    slipstick_buffers memory = buffers();
    memory.source = core.cached + MOCK_MEMORY / 2;
    memory.source_bytes = MOCK_MEMORY / 2;
    core.base = (1ull << 32) - MOCK_MEMORY;
    CHECK(attach(memory) == SLIPSTICK_OK);
    ++core.base;
    CHECK(refused(attach(memory), SLIPSTICK_UNREACHABLE));
    core.base = 1ull << 32;
    CHECK(refused(attach(memory), SLIPSTICK_UNREACHABLE));
}

static void overlap(void) {
    set_up();
    slipstick_buffers memory = buffers();
    memory.source_bytes = 1024 - 3;
    CHECK(attach(memory) == SLIPSTICK_OK);
    ++memory.source_bytes;
    CHECK(refused(attach(memory), SLIPSTICK_OVERLAP));
    memory = buffers();
    memory.source = (uint8_t *)memory.destination + memory.destination_bytes;
    CHECK(attach(memory) == SLIPSTICK_OK);
    memory.source = (uint8_t *)memory.source - 1;
    CHECK(refused(attach(memory), SLIPSTICK_OVERLAP));
    memory.source = (uint8_t *)memory.destination + 6;
    memory.source_bytes = 6;
    CHECK(refused(attach(memory), SLIPSTICK_OVERLAP));
}

static void room(void) {
    set_up();
    const uint32_t before = core.accesses;
    uint8_t image[MOCK_FRAME_BYTES] = {0};
    int64_t values[3];
    CHECK(device.capacity == PLACES);
    CHECK(refused(slipstick_start(&device, 0), SLIPSTICK_NO_FRAMES));
    CHECK(refused(slipstick_infer(&device, image, 0, values, 1), SLIPSTICK_NO_FRAMES));
    CHECK(refused(slipstick_start(&device, PLACES + 1), SLIPSTICK_NO_ROOM));
    CHECK(refused(slipstick_load(&device, PLACES, image), SLIPSTICK_NO_ROOM));
    CHECK(refused(slipstick_result(&device, PLACES, values), SLIPSTICK_NO_ROOM));
    CHECK(slipstick_frame(&device, PLACES) == NULL);
    CHECK(slipstick_raw_result(&device, PLACES) == NULL);
    CHECK(core.accesses == before);
    // The last frame needs no whole stride.
    slipstick_buffers memory = buffers();
    memory.source_bytes = 8 * 2 + MOCK_FRAME_BYTES;
    CHECK(attach(memory) == SLIPSTICK_OK && device.capacity == 3);
    --memory.source_bytes;
    CHECK(attach(memory) == SLIPSTICK_OK && device.capacity == 2);
}

static void busy(void) {
    set_up();
    core.duration = MOCK_NEVER;
    CHECK(slipstick_start(&device, 1) == SLIPSTICK_OK);
    uint8_t image[MOCK_FRAME_BYTES] = {0};
    int64_t values[3];
    const slipstick_buffers memory = buffers();
    CHECK(refused(slipstick_start(&device, 1), SLIPSTICK_BUSY));
    CHECK(refused(slipstick_infer(&device, image, 1, values, 1), SLIPSTICK_BUSY));
    CHECK(refused(slipstick_selftest(&device, 1), SLIPSTICK_BUSY));
    CHECK(refused(slipstick_result(&device, 0, values), SLIPSTICK_BUSY));
    CHECK(refused(slipstick_attach(&device, &memory), SLIPSTICK_BUSY));
    CHECK(core.starts == 1);
    CHECK(slipstick_poll(&device) == SLIPSTICK_RUNNING);
    CHECK(slipstick_reset(&device) == SLIPSTICK_OK);
    core.duration = 50;
    CHECK(slipstick_selftest(&device, PATIENCE) == SLIPSTICK_OK);
}

static void not_started(void) {
    set_up();
    CHECK(refused(slipstick_poll(&device), SLIPSTICK_NOT_STARTED));
    CHECK(refused(slipstick_wait_irq(&device, PATIENCE), SLIPSTICK_NOT_STARTED));
    CHECK(slipstick_selftest(&device, PATIENCE) == SLIPSTICK_OK);
    CHECK(refused(slipstick_poll(&device), SLIPSTICK_NOT_STARTED));
}

static void timeout(void) {
    set_up();
    core.duration = MOCK_NEVER;
    CHECK(slipstick_start(&device, 1) == SLIPSTICK_OK);
    const uint64_t begin = core.now;
    CHECK(refused(slipstick_wait_irq(&device, 20000), SLIPSTICK_TIMEOUT));
    CHECK(core.now - begin >= 20000 && core.now - begin < 20100);
    // The batch goes on, and may be waited for again.
    core.ends = core.now + 10;
    CHECK(slipstick_wait_irq(&device, PATIENCE) == SLIPSTICK_OK);
}

static void timeout_ends_batch(void) {
    set_up();
    core.duration = MOCK_NEVER;
    uint8_t image[MOCK_FRAME_BYTES] = {0};
    int64_t values[3];
    CHECK(refused(slipstick_infer(&device, image, 1, values, PATIENCE), SLIPSTICK_TIMEOUT));
    CHECK(!core.running);
    core.duration = 50;
    CHECK(slipstick_infer(&device, image, 1, values, PATIENCE) == SLIPSTICK_OK);
}

static void lost_interrupt(void) {
    set_up();
    core.no_interrupt = true;
    CHECK(slipstick_start(&device, 1) == SLIPSTICK_OK);
    CHECK(slipstick_wait_irq(&device, 1000000) == SLIPSTICK_OK);
    CHECK(core.waited >= 50 && core.waited <= 5000);
}

// An interrupt that comes between the look at the status and the wait.
static void early_interrupt(void) {
    for (uint64_t duration = 0; duration < 20; ++duration) {
        set_up();
        core.duration = duration;
        CHECK(slipstick_start(&device, 1) == SLIPSTICK_OK);
        CHECK(slipstick_wait_irq(&device, 1000000) == SLIPSTICK_OK);
        CHECK(core.waited < 20);
    }
}

// A line that is high for another reason must not keep the processor awake.
static void stray_interrupt(void) {
    set_up();
    core.duration = 3000;
    CHECK(slipstick_start(&device, 1) == SLIPSTICK_OK);
    core.registers[SLIPSTICK_REG_IRQ_STATUS / 4] = SLIPSTICK__IRQ_STATUS__ERROR_bm;
    CHECK(slipstick_wait_irq(&device, 1000000) == SLIPSTICK_OK);
    CHECK(core.waits == 1);
}

static void every_cause(void) {
    for (uint32_t bit = 0; bit < 9; ++bit) {
        set_up();
        core.errors = 1u << bit;
        core.good = 1;
        uint8_t image[MOCK_FRAME_BYTES];
        draw(image, bit);
        CHECK(slipstick_load(&device, 0, image) == SLIPSTICK_OK);
        CHECK(slipstick_start(&device, 2) == SLIPSTICK_OK);
        CHECK(refused(slipstick_wait_irq(&device, PATIENCE), SLIPSTICK_FAILED));
        const slipstick_error error = slipstick_last_error(&device);
        CHECK(error.causes == 1u << bit);
        printf("%s\n", error.text);
        // The results before the error are good, and the device is not spoilt.
        check_result(0, image);
        core.errors = 0;
        CHECK(slipstick_selftest(&device, PATIENCE) == SLIPSTICK_OK);
        CHECK(core.registers[SLIPSTICK_REG_ERRORS / 4] == 0);
    }
}

static void refused_start(void) {
    set_up();
    slipstick_model model = mock_model;
    model.frame_bytes = 5;
    device.model = &model;
    CHECK(slipstick_start(&device, 1) == SLIPSTICK_OK);
    CHECK(refused(slipstick_wait_irq(&device, PATIENCE), SLIPSTICK_FAILED));
    CHECK(slipstick_last_error(&device).causes == SLIPSTICK__ERRORS__SHORT_FRAME_bm);
}

static void hung(void) {
    set_up();
    core.hung = true;
    CHECK(slipstick_start(&device, 1) == SLIPSTICK_OK);
    CHECK(refused(slipstick_wait_irq(&device, PATIENCE), SLIPSTICK_HUNG));
    CHECK(slipstick_last_error(&device).causes == SLIPSTICK__ERRORS__WATCHDOG_bm);
    // Memory answers at last: the core ends the batch itself.
    core.hung = false;
    core.ends = core.now;
    core.errors = SLIPSTICK__ERRORS__WATCHDOG_bm;
    CHECK(refused(slipstick_wait_irq(&device, PATIENCE), SLIPSTICK_FAILED));
    core.errors = 0;
    core.hung = true;
    CHECK(slipstick_start(&device, 1) == SLIPSTICK_OK);
    const uint64_t begin = core.now;
    CHECK(refused(slipstick_reset(&device), SLIPSTICK_HUNG));
    CHECK(core.now - begin < 11000);
    CHECK(refused(slipstick_start(&device, 1), SLIPSTICK_BUSY));
    CHECK(slipstick_abandon(&device) == SLIPSTICK_OK);
    CHECK(slipstick_selftest(&device, PATIENCE) == SLIPSTICK_OK);
}

// The watchdog has ended the batch and nothing is owed: the core is about to end it.
static void recovering(void) {
    set_up();
    core.duration = MOCK_NEVER;
    CHECK(slipstick_start(&device, 1) == SLIPSTICK_OK);
    core.registers[SLIPSTICK_REG_ERRORS / 4] = SLIPSTICK__ERRORS__WATCHDOG_bm;
    CHECK(slipstick_poll(&device) == SLIPSTICK_RUNNING);
}

// Software knows that memory will never answer before the watchdog does.
static void abandoned_early(void) {
    set_up();
    core.hung = core.patient = true;
    CHECK(slipstick_start(&device, 1) == SLIPSTICK_OK);
    CHECK(slipstick_poll(&device) == SLIPSTICK_RUNNING);
    CHECK(slipstick_abandon(&device) == SLIPSTICK_OK);
    CHECK(slipstick_selftest(&device, PATIENCE) == SLIPSTICK_OK);
}

// A bus that an earlier program left hanging.
static void hung_at_init(void) {
    mock_reset(&core);
    core.hung = true;
    CHECK(refused(init(), SLIPSTICK_HUNG));
    CHECK(slipstick_abandon(&device) == SLIPSTICK_OK);
    const slipstick_buffers memory = buffers();
    CHECK(slipstick_attach(&device, &memory) == SLIPSTICK_OK);
    CHECK(slipstick_selftest(&device, PATIENCE) == SLIPSTICK_OK);
}

static void bus_errors(void) {
    for (uint32_t offset = 0; offset < 0x74; offset += 4) {
        mock_reset(&core);
        core.broken = offset;
        slipstick_status status = init();
        const bool used_by_init = offset < 0x24 || offset == SLIPSTICK_REG_CONTROL ||
                                  offset == SLIPSTICK_REG_STATUS;
        CHECK(status == (used_by_init ? SLIPSTICK_BUS_ERROR : SLIPSTICK_OK));
        core.broken = UINT32_MAX;
        set_up();
        if (offset < 0x40 || offset == SLIPSTICK_REG_CONTROL + 0x34) continue;
        core.broken = offset;
        CHECK(refused(slipstick_selftest(&device, PATIENCE), SLIPSTICK_BUS_ERROR));
        CHECK(offset == SLIPSTICK_REG_IRQ_STATUS || core.starts == 0 ||
              offset == SLIPSTICK_REG_ERRORS);
    }
    set_up();
    slipstick_run_counters run;
    slipstick_stage_counters stage;
    core.broken = SLIPSTICK_REG_READ_BEATS;
    CHECK(refused(slipstick_counters(&device, &run), SLIPSTICK_BUS_ERROR));
    core.broken = SLIPSTICK_REG_STAGE_STALLS(1);
    CHECK(refused(slipstick_stage(&device, 1, &stage), SLIPSTICK_BUS_ERROR));
    core.broken = UINT32_MAX;
    CHECK(slipstick_selftest(&device, PATIENCE) == SLIPSTICK_OK);
}

static void counters(void) {
    set_up();
    for (uint32_t n = 0; n < 11; ++n) core.registers[SLIPSTICK_REG_FRAMES_READ / 4 + n] = 100 + n;
    core.registers[SLIPSTICK_REG_CYCLES_LOW / 4] = 0x80000005u;
    core.registers[SLIPSTICK_REG_CYCLES_HIGH / 4] = 8;
    slipstick_run_counters run;
    CHECK(slipstick_counters(&device, &run) == SLIPSTICK_OK);
    CHECK(run.frames_read == 100 && run.frames_written == 101);
    CHECK(run.cycles == 0x900000005u);
    CHECK(run.read_bursts == 104 && run.read_beats == 105 && run.read_stalls == 106);
    CHECK(run.write_bursts == 107 && run.write_beats == 108 && run.write_stalls == 109);
    CHECK(run.saturations == 110);
    slipstick_stage_counters stage;
    core.registers[SLIPSTICK_REG_STAGE_BEATS(1) / 4] = 7;
    core.registers[SLIPSTICK_REG_STAGE_STALLS(1) / 4] = 8;
    core.registers[SLIPSTICK_REG_STAGE_SATURATED(1) / 4] = 9;
    CHECK(slipstick_stage(&device, 1, &stage) == SLIPSTICK_OK);
    CHECK(stage.beats == 7 && stage.stalls == 8 && stage.saturated == 9);
    CHECK(refused(slipstick_stage(&device, MOCK_STAGES, &stage), SLIPSTICK_NO_STAGE));
}

static void limits(void) {
    set_up();
    device.watchdog = 77;
    device.saturation_limit = 3;
    CHECK(slipstick_selftest(&device, PATIENCE) == SLIPSTICK_OK);
    CHECK(core.registers[SLIPSTICK_REG_WATCHDOG / 4] == 77);
    CHECK(core.registers[SLIPSTICK_REG_SATURATION_LIMIT / 4] == 3);
    slipstick_model model = mock_model;
    model.interval = UINT32_MAX;
    CHECK(slipstick_init(&device, &port, &model) == SLIPSTICK_OK);
    CHECK(device.watchdog == UINT32_MAX);
}

// More frames in one batch than 16 bits count.
static void many_frames(void) {
    set_up();
    enum { FRAMES = 70000 };
    static uint8_t images[FRAMES * MOCK_FRAME_BYTES];
    static int64_t values[FRAMES * 3];
    int64_t wanted[3];
    for (uint32_t n = 0; n < FRAMES; ++n) draw(images + (size_t)n * MOCK_FRAME_BYTES, n);
    const slipstick_buffers memory = {core.cached, sizeof images, MOCK_FRAME_BYTES,
                                      core.cached + sizeof images, FRAMES * MOCK_RESULT_BYTES,
                                      MOCK_RESULT_BYTES};
    CHECK(attach(memory) == SLIPSTICK_OK && device.capacity == FRAMES);
    CHECK(slipstick_infer(&device, images, FRAMES, values, PATIENCE) == SLIPSTICK_OK);
    CHECK(core.starts == 1);
    for (uint32_t n = 0; n < FRAMES; ++n) {
        mock_compute(images + (size_t)n * MOCK_FRAME_BYTES, wanted);
        CHECK(memcmp(values + (size_t)n * 3, wanted, sizeof wanted) == 0);
    }
}

#define CASE(name) {#name, name}

static const struct {
    const char *name;
    void (*run)(void);
} CASES[] = {
    CASE(one_frame),
    CASE(polling),
    CASE(image_in_place),
    CASE(batches),
    CASE(classes),
    CASE(elements),
    CASE(images_of_results),
    CASE(selftest),
    CASE(stale_result),
    CASE(wrong_device),
    CASE(wrong_version),
    CASE(wrong_network),
    CASE(wrong_geometry),
    CASE(null_arguments),
    CASE(not_ready),
    CASE(bad_buffers),
    CASE(end_of_address_space),
    CASE(overlap),
    CASE(room),
    CASE(busy),
    CASE(not_started),
    CASE(timeout),
    CASE(timeout_ends_batch),
    CASE(lost_interrupt),
    CASE(early_interrupt),
    CASE(stray_interrupt),
    CASE(every_cause),
    CASE(refused_start),
    CASE(hung),
    CASE(recovering),
    CASE(abandoned_early),
    CASE(hung_at_init),
    CASE(bus_errors),
    CASE(counters),
    CASE(limits),
    CASE(many_frames),
};

int main(int argc, char **argv) {
    for (size_t n = 0; n < sizeof CASES / sizeof *CASES; ++n) {
        if (argc < 2) printf("%s\n", CASES[n].name);
        if (argc > 1 && strcmp(argv[1], CASES[n].name) == 0) {
            CASES[n].run();
            return 0;
        }
    }
    return argc < 2 ? 0 : 2;
}
