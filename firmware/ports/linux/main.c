// slipstick-run: the accelerator from a Linux command line.
#define _POSIX_C_SOURCE 200809L

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "slipstick.h"
#include "slipstick_linux.h"
#include "slipstick_model.h"

#define TIMEOUT_US 10000000u
// Where results begin, so that they share no 64-bit word with frames.
#define SPACING 64u

static const char USAGE[] =
    "usage: slipstick-run [-u NUMBER] [-d BUFFER] selftest | classify RAW_IMAGE | bench FRAMES\n"
    "  -u NUMBER  the UIO device /dev/uioNUMBER; 0 without it\n"
    "  -d BUFFER  memory is this buffer of u-dma-buf; without it, the UIO device's second map\n"
    "A RAW_IMAGE holds the bytes of one frame as the network takes them.\n";

static slipstick_linux machine;
static slipstick_port port;
static slipstick_device device;

static int failed(const char *what) {
    fprintf(stderr, "error: %s\n", what);
    slipstick_linux_close(&machine);
    return 2;
}

static int failed_device(void) {
    const slipstick_error error = slipstick_last_error(&device);
    fprintf(stderr, "error: %s (status %d, causes 0x%" PRIx32 ")\n", error.text,
            (int)error.status, error.causes);
    slipstick_linux_close(&machine);
    return 1;
}

// Frames take the first part of the memory and results the second, as many of each.
static slipstick_status attach(void) {
    const size_t each = (size_t)SLIPSTICK_FRAME_BYTES + SLIPSTICK_RESULT_BYTES;
    const size_t room = machine.memory_bytes < SPACING ? 0 : machine.memory_bytes - SPACING;
    const size_t frames = room / each;
    const size_t source = (frames * SLIPSTICK_FRAME_BYTES + SPACING - 1) / SPACING * SPACING;
    const slipstick_buffers buffers = {
        .source = machine.memory,
        .source_bytes = frames * SLIPSTICK_FRAME_BYTES,
        .source_stride = SLIPSTICK_FRAME_BYTES,
        .destination = machine.memory + source,
        .destination_bytes = frames * SLIPSTICK_RESULT_BYTES,
        .destination_stride = SLIPSTICK_RESULT_BYTES,
    };
    const slipstick_status status = slipstick_init(&device, &port, &slipstick_network);
    return status == SLIPSTICK_OK ? slipstick_attach(&device, &buffers) : status;
}

static int selftest(void) {
    if (slipstick_selftest(&device, TIMEOUT_US) != SLIPSTICK_OK) return failed_device();
    printf("%s: self-test passed\n", slipstick_network.name);
    return 0;
}

static int classify(const char *path) {
    static uint8_t image[SLIPSTICK_FRAME_BYTES + 1];
    static int64_t values[SLIPSTICK_RESULT_VALUES];
    uint32_t found;
    FILE *file = fopen(path, "rb");
    if (file == NULL) return failed("the image cannot be opened");
    const size_t bytes = fread(image, 1, sizeof image, file);
    fclose(file);
    if (bytes != SLIPSTICK_FRAME_BYTES) return failed("the image is not as long as a frame");
    if (slipstick_infer(&device, image, 1, values, TIMEOUT_US) != SLIPSTICK_OK)
        return failed_device();
    if (slipstick_network.classes > 0 && slipstick_class(&device, values, &found) == SLIPSTICK_OK)
        printf("class %" PRIu32 "\n", found);
    for (uint32_t n = 0; n < SLIPSTICK_RESULT_VALUES; ++n) printf("%" PRId64 "\n", values[n]);
    return 0;
}

static int bench(uint32_t frames) {
    const uint32_t batch = frames < device.capacity ? frames : device.capacity;
    for (uint32_t n = 0; n < batch; ++n)
        slipstick_load(&device, n, slipstick_network.selftest_frame);
    const uint64_t begin = port.microseconds(port.context);
    uint64_t cycles = 0;
    for (uint32_t left = frames; left > 0;) {
        const uint32_t now = left < batch ? left : batch;
        slipstick_run_counters counters;
        if (slipstick_start(&device, now) != SLIPSTICK_OK ||
            slipstick_wait_irq(&device, TIMEOUT_US) != SLIPSTICK_OK ||
            slipstick_counters(&device, &counters) != SLIPSTICK_OK)
            return failed_device();
        cycles += counters.cycles;
        left -= now;
    }
    const uint64_t took = port.microseconds(port.context) - begin;
    printf("%" PRIu32 " frames in %" PRIu64 " us, %" PRIu64 " cycles a frame, ideally %" PRIu32 "\n",
           frames, took, cycles / frames, slipstick_network.interval);
    return 0;
}

// A number of at least `least`; -1 if the text is none, or is missing.
static int64_t read_number(const char *text, int64_t least) {
    char *end;
    if (text == NULL) return -1;
    const int64_t value = strtoll(text, &end, 10);
    return *text == '\0' || *end != '\0' || value < least || value > UINT32_MAX ? -1 : value;
}

static int usage(void) {
    fputs(USAGE, stderr);
    return 2;
}

// What the command line asks for.
typedef struct {
    enum { SELFTEST, CLASSIFY, BENCH, NOTHING } command;
    const char *argument;
    int64_t frames, number;
    const char *buffer;
} order;

static order read_order(int argc, char **argv) {
    static const char *const names[] = {"selftest", "classify", "bench"};
    order found = {.command = NOTHING, .frames = 1};
    for (int option; (option = getopt(argc, argv, "u:d:")) != -1;) {
        if (option == 'u') found.number = read_number(optarg, 0);
        if (option == 'd') found.buffer = optarg;
        if (option == '?') return found;
    }
    const int count = argc - optind;
    for (unsigned n = 0; n < NOTHING && count > 0; ++n)
        if (strcmp(argv[optind], names[n]) == 0 && count == (n == SELFTEST ? 1 : 2))
            found.command = n;
    if (count == 2) found.argument = argv[optind + 1];
    if (found.command == BENCH) found.frames = read_number(found.argument, 1);
    return found;
}

static int run(const order *wanted) {
    if (wanted->command == SELFTEST) return selftest();
    return wanted->command == CLASSIFY ? classify(wanted->argument)
                                       : bench((uint32_t)wanted->frames);
}

int main(int argc, char **argv) {
    const order wanted = read_order(argc, argv);
    if (wanted.command == NOTHING || wanted.number < 0 || wanted.frames < 0) return usage();
    const char *wrong = slipstick_linux_open(&machine, (unsigned)wanted.number, wanted.buffer);
    if (wrong != NULL) return failed(wrong);
    port = slipstick_linux_port(&machine);
    if (attach() != SLIPSTICK_OK) return failed_device();
    const int code = run(&wanted);
    slipstick_linux_close(&machine);
    return code;
}
