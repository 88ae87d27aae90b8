// Runs the self-test, then the frames that the loader has left in memory.
#include "mailbox.h"
#include "slipstick.h"
#include "slipstick_model.h"
#include "zynq.h"

// What a batch may take: a thousand times the ideal, and a millisecond.
#define PATIENCE 1000u

__attribute__((section(".mailbox"), used)) volatile mailbox_words mailbox = {
    .status = MAILBOX_LOADED};

static slipstick_device device;
// In the accelerator's words, so that a result has them for itself.
_Alignas(8) static uint8_t frame[SLIPSTICK_FRAME_BYTES];
_Alignas(8) static uint8_t result[SLIPSTICK_RESULT_BYTES];

static uint64_t timeout_us(uint32_t frames) {
    const uint64_t cycles = (uint64_t)slipstick_network.interval * (frames + SLIPSTICK_STAGES);
    return 1000 + cycles * PATIENCE / (slipstick_network.clock_hz / 1000000u + 1);
}

static slipstick_status selftest(void) {
    const slipstick_buffers buffers = {frame,  sizeof frame,  SLIPSTICK_FRAME_BYTES,
                                       result, sizeof result, SLIPSTICK_RESULT_BYTES};
    slipstick_status status = slipstick_init(&device, &zynq_port, &slipstick_network);
    if (status == SLIPSTICK_OK) status = slipstick_attach(&device, &buffers);
    if (status == SLIPSTICK_OK) status = slipstick_selftest(&device, timeout_us(1));
    return status;
}

static slipstick_status classify(uint32_t frames, uint32_t *classes) {
    slipstick_status status = SLIPSTICK_OK;
    for (uint32_t n = 0; status == SLIPSTICK_OK && n < frames; ++n) {
        static int64_t values[SLIPSTICK_RESULT_VALUES];
        status = slipstick_result(&device, n, values);
        if (status == SLIPSTICK_OK) status = slipstick_class(&device, values, &classes[n]);
    }
    return status;
}

static slipstick_status run(void) {
    const uint32_t frames = mailbox.frames;
    const slipstick_buffers buffers = {
        .source = (void *)(uintptr_t)mailbox.source,
        .source_bytes = (size_t)frames * SLIPSTICK_FRAME_BYTES,
        .source_stride = SLIPSTICK_FRAME_BYTES,
        .destination = (void *)(uintptr_t)mailbox.destination,
        .destination_bytes = (size_t)frames * SLIPSTICK_RESULT_BYTES,
        .destination_stride = SLIPSTICK_RESULT_BYTES,
    };
    slipstick_status status = slipstick_attach(&device, &buffers);
    if (status == SLIPSTICK_OK) status = slipstick_start(&device, frames);
    if (status == SLIPSTICK_OK) status = slipstick_wait_irq(&device, timeout_us(frames));
    slipstick_run_counters counters = {0};
    if (status == SLIPSTICK_OK) status = slipstick_counters(&device, &counters);
    mailbox.cycles_low = (uint32_t)counters.cycles;
    mailbox.cycles_high = (uint32_t)(counters.cycles >> 32);
    if (status == SLIPSTICK_OK && mailbox.classes != 0)
        status = classify(frames, (uint32_t *)(uintptr_t)mailbox.classes);
    return status;
}

static void tell(slipstick_status status) {
    const slipstick_error error = slipstick_last_error(&device);
    mailbox.error = status;
    mailbox.causes = status == SLIPSTICK_OK ? 0 : error.causes;
    mailbox.status = status == SLIPSTICK_OK ? MAILBOX_DONE : MAILBOX_FAILED;
    zynq_print(status == SLIPSTICK_OK ? "done" : error.text);
    zynq_print("\r\n");
}

// Called by the vectors: the program is over.
void on_exception(uint32_t vector) {
    mailbox.error = vector;
    mailbox.status = MAILBOX_EXCEPTION;
    zynq_print("exception ");
    zynq_print_number(vector);
    zynq_print("\r\n");
}

int main(void) {
    mailbox.status = MAILBOX_RUNNING;
    zynq_start();
    zynq_print("Slipstick: ");
    zynq_print(slipstick_network.name);
    slipstick_status status = selftest();
    zynq_print(status == SLIPSTICK_OK ? ", self-test passed, " : ", self-test failed, ");
    zynq_print_number(mailbox.frames);
    zynq_print(" frames, ");
    if (status == SLIPSTICK_OK && mailbox.frames > 0) status = run();
    tell(status);
    return 0;
}
