#include "slipstick.h"

#include "slipstick_regs.h"

#define VERSION_MAJOR (SLIPSTICK__VERSION__MAJOR_reset << SLIPSTICK__VERSION__MAJOR_bp)
#define IRQ_ALL (SLIPSTICK__IRQ_STATUS__DONE_bm | SLIPSTICK__IRQ_STATUS__ERROR_bm)
#define ERRORS_ALL 0x1ffu
#define CAUSES 9

// A reset waits for a few bursts, so one that takes longer than this never ends.
#define RESET_US 10000u
// After an interrupt that was lost, the status is read again this much later at the latest.
#define LOST_INTERRUPT_US 5000u
// Cycles without progress that memory may take, beside those in which the core computes.
#define MEMORY_PATIENCE (1u << 20)

static const char *const STATUS_TEXT[SLIPSTICK_STATUSES] = {
    [SLIPSTICK_OK] = "no error",
    [SLIPSTICK_RUNNING] = "the batch is running",
    [SLIPSTICK_NULL] = "an argument is NULL",
    [SLIPSTICK_NOT_READY] = "the device is not initialised, or has no buffers",
    [SLIPSTICK_NOT_STARTED] = "no batch was started",
    [SLIPSTICK_MISALIGNED] = "a buffer or a stride is no multiple of its element's size",
    [SLIPSTICK_BAD_STRIDE] = "a stride is smaller than a frame or a result",
    [SLIPSTICK_NO_ROOM] = "the buffers hold fewer frames",
    [SLIPSTICK_UNREACHABLE] = "the accelerator cannot address the buffer",
    [SLIPSTICK_OVERLAP] = "source and destination share memory",
    [SLIPSTICK_NO_FRAMES] = "a batch of zero frames was asked for",
    [SLIPSTICK_NO_CLASS] = "the network does not name one class a frame",
    [SLIPSTICK_NO_STAGE] = "the network has no such stage",
    [SLIPSTICK_BUSY] = "a batch is still running",
    [SLIPSTICK_WRONG_DEVICE] = "no Slipstick core answers at this address",
    [SLIPSTICK_WRONG_VERSION] = "the core's registers are of another major version",
    [SLIPSTICK_WRONG_NETWORK] = "the core was built from another network",
    [SLIPSTICK_WRONG_GEOMETRY] = "the core's sizes are not those of the network",
    [SLIPSTICK_BUS_ERROR] = "a register access was answered with an error",
    [SLIPSTICK_TIMEOUT] = "the batch did not end in time",
    [SLIPSTICK_FAILED] = "the batch failed",
    [SLIPSTICK_HUNG] = "memory has stopped answering the core",
    [SLIPSTICK_WRONG_RESULT] = "the self-test's result is not the expected one",
};

static const char *const CAUSE_TEXT[CAUSES] = {
    "memory answered a read with SLVERR",
    "memory answered a read with DECERR: there is none at this address",
    "memory answered a write with SLVERR",
    "memory answered a write with DECERR: there is none at this address",
    "a frame is shorter than the network's input",
    "a frame is longer than the network's input",
    "more beats saturated than the limit allows",
    "nothing moved for as long as the watchdog waits",
    "a batch was started while another one was running",
};

// What went wrong, in one line: the first cause where the core named one.
static const char *text_of(slipstick_status status, uint32_t causes) {
    for (unsigned bit = 0; status == SLIPSTICK_FAILED && bit < CAUSES; ++bit)
        if (causes >> bit & 1u) return CAUSE_TEXT[bit];
    return STATUS_TEXT[status];
}

static slipstick_status fail_because(slipstick_device *device, slipstick_status status,
                                     uint32_t causes) {
    device->error = (slipstick_error){status, causes, text_of(status, causes)};
    return status;
}

static slipstick_status fail(slipstick_device *device, slipstick_status status) {
    return fail_because(device, status, 0);
}

// Register accesses. After one that failed, the ones behind it are left out, so that a sequence
// of them is checked once, at its end.
static uint32_t get(slipstick_device *device, uint32_t offset) {
    const slipstick_port *port = device->port;
    uint32_t value = 0;
    if (!device->bus_error && port->read32(port->context, offset, &value) != 0)
        device->bus_error = true;
    return value;
}

static void put(slipstick_device *device, uint32_t offset, uint32_t value) {
    const slipstick_port *port = device->port;
    if (!device->bus_error && port->write32(port->context, offset, value) != 0)
        device->bus_error = true;
}

static slipstick_status end_of_accesses(slipstick_device *device) {
    const bool failed = device->bus_error;
    device->bus_error = false;
    return failed ? fail(device, SLIPSTICK_BUS_ERROR) : SLIPSTICK_OK;
}

static uint64_t now(const slipstick_device *device) {
    return device->port->microseconds(device->port->context);
}

static bool is_whole(const slipstick_port *port) {
    return port->read32 != NULL && port->write32 != NULL && port->bus_address != NULL &&
           port->flush != NULL && port->invalidate != NULL && port->microseconds != NULL &&
           port->wait_interrupt != NULL;
}

static slipstick_status check_identity(slipstick_device *device, const slipstick_model *model) {
    const uint32_t id = get(device, SLIPSTICK_REG_ID);
    const uint32_t version = get(device, SLIPSTICK_REG_VERSION);
    if (device->bus_error) return end_of_accesses(device);
    if (id != SLIPSTICK__ID__VALUE_reset) return fail(device, SLIPSTICK_WRONG_DEVICE);
    if ((version & SLIPSTICK__VERSION__MAJOR_bm) != VERSION_MAJOR)
        return fail(device, SLIPSTICK_WRONG_VERSION);
    bool same = true;
    for (uint32_t word = 0; word < 4; ++word)
        same = get(device, SLIPSTICK_REG_HASH(word)) == model->hash[word] && same;
    if (device->bus_error) return end_of_accesses(device);
    return same ? SLIPSTICK_OK : fail(device, SLIPSTICK_WRONG_NETWORK);
}

static slipstick_status check_geometry(slipstick_device *device, const slipstick_model *model) {
    const uint32_t wanted = model->stages << SLIPSTICK__GEOMETRY__STAGES_bp |
                            model->frame_element << SLIPSTICK__GEOMETRY__FRAME_ELEMENT_bp |
                            model->result_element << SLIPSTICK__GEOMETRY__RESULT_ELEMENT_bp;
    const uint32_t mask = SLIPSTICK__GEOMETRY__STAGES_bm | SLIPSTICK__GEOMETRY__FRAME_ELEMENT_bm |
                          SLIPSTICK__GEOMETRY__RESULT_ELEMENT_bm;
    const uint32_t geometry = get(device, SLIPSTICK_REG_GEOMETRY);
    const uint32_t frame = get(device, SLIPSTICK_REG_FRAME_BYTES);
    const uint32_t result = get(device, SLIPSTICK_REG_RESULT_BYTES);
    if (device->bus_error) return end_of_accesses(device);
    if ((geometry & mask) != wanted || frame != model->frame_bytes || result != model->result_bytes)
        return fail(device, SLIPSTICK_WRONG_GEOMETRY);
    return SLIPSTICK_OK;
}

// While the core computes, nothing may pass its ends for as long as all its stages take; the
// factor is for a core whose clock is slower than the bus's.
static uint32_t patience(const slipstick_model *model) {
    const uint64_t cycles = (uint64_t)model->interval * model->stages * 4 + MEMORY_PATIENCE;
    return cycles < UINT32_MAX ? (uint32_t)cycles : UINT32_MAX;
}

slipstick_status slipstick_init(slipstick_device *device, const slipstick_port *port,
                                const slipstick_model *model) {
    if (device == NULL) return SLIPSTICK_NULL;
    *device = (slipstick_device){0};
    if (port == NULL || model == NULL || !is_whole(port)) return fail(device, SLIPSTICK_NULL);
    device->port = port;
    slipstick_status status = check_identity(device, model);
    if (status == SLIPSTICK_OK) status = check_geometry(device, model);
    if (status != SLIPSTICK_OK) return status;
    device->model = model;
    device->watchdog = patience(model);
    device->saturation_limit = UINT32_MAX;
    return slipstick_reset(device);
}

// Whether a call is possible at all.
static slipstick_status check_ready(slipstick_device *device) {
    if (device == NULL) return SLIPSTICK_NULL;
    return device->model == NULL ? fail(device, SLIPSTICK_NOT_READY) : SLIPSTICK_OK;
}

static slipstick_status check_attached(slipstick_device *device) {
    const slipstick_status status = check_ready(device);
    if (status != SLIPSTICK_OK) return status;
    return device->capacity == 0 ? fail(device, SLIPSTICK_NOT_READY) : SLIPSTICK_OK;
}

static slipstick_status check_started(slipstick_device *device) {
    const slipstick_status status = check_attached(device);
    if (status != SLIPSTICK_OK) return status;
    return device->started ? SLIPSTICK_OK : fail(device, SLIPSTICK_NOT_STARTED);
}

static slipstick_status check_place(slipstick_device *device, uint32_t index) {
    const slipstick_status status = check_attached(device);
    if (status != SLIPSTICK_OK) return status;
    return index >= device->capacity ? fail(device, SLIPSTICK_NO_ROOM) : SLIPSTICK_OK;
}

static slipstick_status check_idle(slipstick_device *device) {
    const uint32_t status = get(device, SLIPSTICK_REG_STATUS);
    if (device->bus_error) return end_of_accesses(device);
    const bool idle = !(status & (SLIPSTICK__STATUS__BUSY_bm | SLIPSTICK__STATUS__RESETTING_bm));
    return idle ? SLIPSTICK_OK : fail(device, SLIPSTICK_BUSY);
}

// Memory for frames, or for results.
typedef struct {
    const void *memory;
    uint64_t bytes;
    uint32_t stride, size, element;
    uint64_t address;
} region;

static slipstick_status check_region(const slipstick_port *port, region *found) {
    if (found->memory == NULL) return SLIPSTICK_NULL;
    if ((uintptr_t)found->memory % found->element != 0 || found->stride % found->element != 0)
        return SLIPSTICK_MISALIGNED;
    if (found->stride < found->size) return SLIPSTICK_BAD_STRIDE;
    if (found->bytes < found->size) return SLIPSTICK_NO_ROOM;
    if (port->bus_address(port->context, found->memory, (size_t)found->bytes, &found->address) != 0)
        return SLIPSTICK_UNREACHABLE;
    if (found->address > UINT32_MAX || found->bytes - 1 > UINT32_MAX - found->address)
        return SLIPSTICK_UNREACHABLE;
    return SLIPSTICK_OK;
}

static uint32_t places(const region *memory) {
    const uint64_t count = (memory->bytes - memory->size) / memory->stride + 1;
    return count < UINT32_MAX ? (uint32_t)count : UINT32_MAX;
}

slipstick_status slipstick_attach(slipstick_device *device, const slipstick_buffers *buffers) {
    slipstick_status status = check_ready(device);
    if (status != SLIPSTICK_OK) return status;
    if (buffers == NULL) return fail(device, SLIPSTICK_NULL);
    const slipstick_model *model = device->model;
    region source = {buffers->source, buffers->source_bytes, buffers->source_stride,
                     model->frame_bytes, model->frame_element, 0};
    region destination = {buffers->destination, buffers->destination_bytes,
                          buffers->destination_stride, model->result_bytes, model->result_element,
                          0};
    status = check_region(device->port, &source);
    if (status == SLIPSTICK_OK) status = check_region(device->port, &destination);
    if (status != SLIPSTICK_OK) return fail(device, status);
    if (source.address < destination.address + destination.bytes &&
        destination.address < source.address + source.bytes)
        return fail(device, SLIPSTICK_OVERLAP);
    status = check_idle(device);
    if (status != SLIPSTICK_OK) return status;
    const uint32_t frames = places(&source), results = places(&destination);
    device->buffers = *buffers;
    device->source_address = (uint32_t)source.address;
    device->destination_address = (uint32_t)destination.address;
    device->capacity = frames < results ? frames : results;
    device->started = false;
    return SLIPSTICK_OK;
}

// Buffers are volatile here: memory that is mapped without a cache refuses the wide accesses at odd
// addresses that a compiler makes of a loop over bytes.
static volatile uint8_t *frame_at(const slipstick_device *device, uint32_t index) {
    return (uint8_t *)device->buffers.source + (size_t)index * device->buffers.source_stride;
}

static volatile uint8_t *result_at(const slipstick_device *device, uint32_t index) {
    const slipstick_buffers *buffers = &device->buffers;
    return (uint8_t *)buffers->destination + (size_t)index * buffers->destination_stride;
}

void *slipstick_frame(const slipstick_device *device, uint32_t index) {
    return device != NULL && index < device->capacity ? (void *)frame_at(device, index) : NULL;
}

void *slipstick_raw_result(const slipstick_device *device, uint32_t index) {
    return device != NULL && index < device->capacity ? (void *)result_at(device, index) : NULL;
}

slipstick_status slipstick_load(slipstick_device *device, uint32_t index, const void *image) {
    const slipstick_status status = check_place(device, index);
    if (status != SLIPSTICK_OK) return status;
    if (image == NULL) return fail(device, SLIPSTICK_NULL);
    const uint32_t bytes = device->model->frame_bytes;
    const uint8_t *from = image;
    volatile uint8_t *to = frame_at(device, index);
    for (uint32_t n = 0; from != to && n < bytes; ++n) to[n] = from[n];
    device->port->flush(device->port->context, (const void *)to, bytes);
    return SLIPSTICK_OK;
}

// Bytes from the first result of the batch to the end of its last.
static size_t batch_bytes(const slipstick_device *device) {
    return (size_t)(device->batch - 1) * device->buffers.destination_stride +
           device->model->result_bytes;
}

slipstick_status slipstick_start(slipstick_device *device, uint32_t frames) {
    slipstick_status status = check_attached(device);
    if (status != SLIPSTICK_OK) return status;
    if (frames == 0) return fail(device, SLIPSTICK_NO_FRAMES);
    if (frames > device->capacity) return fail(device, SLIPSTICK_NO_ROOM);
    status = check_idle(device);
    if (status != SLIPSTICK_OK) return status;
    device->batch = frames;
    // A line that the processor has written and would write back later, over a result.
    device->port->flush(device->port->context, device->buffers.destination, batch_bytes(device));
    put(device, SLIPSTICK_REG_LENGTH, device->model->frame_bytes);
    put(device, SLIPSTICK_REG_SOURCE, device->source_address);
    put(device, SLIPSTICK_REG_DESTINATION, device->destination_address);
    put(device, SLIPSTICK_REG_FRAMES, frames);
    put(device, SLIPSTICK_REG_SOURCE_STRIDE, device->buffers.source_stride);
    put(device, SLIPSTICK_REG_DESTINATION_STRIDE, device->buffers.destination_stride);
    put(device, SLIPSTICK_REG_WATCHDOG, device->watchdog);
    put(device, SLIPSTICK_REG_SATURATION_LIMIT, device->saturation_limit);
    put(device, SLIPSTICK_REG_ERRORS, ERRORS_ALL);
    put(device, SLIPSTICK_REG_IRQ_STATUS, IRQ_ALL);
    put(device, SLIPSTICK_REG_IRQ_ENABLE, IRQ_ALL);
    put(device, SLIPSTICK_REG_CONTROL, SLIPSTICK__CONTROL__START_bm);
    device->started = !device->bus_error;
    return end_of_accesses(device);
}

// The batch has ended: what it wrote becomes visible, and the interrupt line falls.
static slipstick_status finish(slipstick_device *device, bool failed, uint32_t causes) {
    device->started = false;
    device->port->invalidate(device->port->context, device->buffers.destination,
                             batch_bytes(device));
    put(device, SLIPSTICK_REG_IRQ_STATUS, IRQ_ALL);
    if (device->bus_error) return end_of_accesses(device);
    return failed ? fail_because(device, SLIPSTICK_FAILED, causes) : SLIPSTICK_OK;
}

slipstick_status slipstick_poll(slipstick_device *device) {
    const slipstick_status possible = check_started(device);
    if (possible != SLIPSTICK_OK) return possible;
    const uint32_t status = get(device, SLIPSTICK_REG_STATUS);
    const uint32_t errors = get(device, SLIPSTICK_REG_ERRORS);
    if (device->bus_error) return end_of_accesses(device);
    if (status & SLIPSTICK__STATUS__DONE_bm)
        return finish(device, status & SLIPSTICK__STATUS__FAILED_bm, errors);
    if (status & SLIPSTICK__STATUS__BUSY_bm) {
        // The core waits for memory itself and recovers if it answers, so the batch is not over.
        const bool hung = status & SLIPSTICK__STATUS__BUS_BUSY_bm &&
                          errors & SLIPSTICK__ERRORS__WATCHDOG_bm;
        return hung ? fail_because(device, SLIPSTICK_HUNG, errors) : SLIPSTICK_RUNNING;
    }
    // A start that the core refused leaves no flag but its cause.
    return errors ? finish(device, true, errors) : SLIPSTICK_RUNNING;
}

slipstick_status slipstick_wait_irq(slipstick_device *device, uint64_t timeout_us) {
    const slipstick_status possible = check_started(device);
    if (possible != SLIPSTICK_OK) return possible;
    const uint64_t begin = now(device);
    for (;;) {
        const uint64_t waited = now(device) - begin;
        // Cleared before the status is read: what happens in between raises the line again.
        put(device, SLIPSTICK_REG_IRQ_STATUS, IRQ_ALL);
        const slipstick_status status = slipstick_poll(device);
        if (status != SLIPSTICK_RUNNING) return status;
        if (waited >= timeout_us) return fail(device, SLIPSTICK_TIMEOUT);
        const uint64_t left = timeout_us - waited;
        device->port->wait_interrupt(device->port->context,
                                     left < LOST_INTERRUPT_US ? left : LOST_INTERRUPT_US);
    }
}

// A little-endian integer of `size` bytes.
static int64_t element(const volatile uint8_t *bytes, uint32_t size, bool is_signed) {
    uint64_t value = is_signed && bytes[size - 1] & 0x80u ? UINT64_MAX : 0;
    for (uint32_t n = size; n > 0; --n) value = value << 8 | bytes[n - 1];
    return (int64_t)value;
}

slipstick_status slipstick_result(slipstick_device *device, uint32_t index, int64_t *values) {
    const slipstick_status status = check_place(device, index);
    if (status != SLIPSTICK_OK) return status;
    if (values == NULL) return fail(device, SLIPSTICK_NULL);
    if (device->started) return fail(device, SLIPSTICK_BUSY);
    const slipstick_model *model = device->model;
    const volatile uint8_t *bytes = result_at(device, index);
    const uint32_t channels = model->result_shape[0];
    const uint32_t pixels = model->result_shape[1] * model->result_shape[2];
    for (uint32_t pixel = 0; pixel < pixels; ++pixel, values += channels)
        for (uint32_t place = 0; place < channels; ++place, bytes += model->result_element)
            values[model->order ? model->order[place] : place] =
                element(bytes, model->result_element, model->result_signed);
    return SLIPSTICK_OK;
}

// One batch of images that fits. One that does not end must not go on writing into the buffers.
static slipstick_status run(slipstick_device *device, const uint8_t *images, uint32_t frames,
                            uint64_t timeout_us) {
    slipstick_status status = check_idle(device);
    for (uint32_t n = 0; status == SLIPSTICK_OK && n < frames; ++n)
        status = slipstick_load(device, n, images + (size_t)n * device->model->frame_bytes);
    if (status == SLIPSTICK_OK) status = slipstick_start(device, frames);
    if (status == SLIPSTICK_OK) status = slipstick_wait_irq(device, timeout_us);
    if (status == SLIPSTICK_TIMEOUT || status == SLIPSTICK_HUNG) {
        const slipstick_error first = device->error;
        slipstick_reset(device);
        device->error = first;
    }
    return status;
}

slipstick_status slipstick_infer(slipstick_device *device, const void *images, uint32_t frames,
                                 int64_t *values, uint64_t timeout_us) {
    slipstick_status status = check_attached(device);
    if (status != SLIPSTICK_OK) return status;
    if (images == NULL || values == NULL) return fail(device, SLIPSTICK_NULL);
    if (frames == 0) return fail(device, SLIPSTICK_NO_FRAMES);
    const uint8_t *from = images;
    const size_t count = device->model->result_bytes / device->model->result_element;
    while (status == SLIPSTICK_OK && frames > 0) {
        const uint32_t batch = frames < device->capacity ? frames : device->capacity;
        status = run(device, from, batch, timeout_us);
        for (uint32_t n = 0; status == SLIPSTICK_OK && n < batch; ++n, values += count)
            status = slipstick_result(device, n, values);
        from += (size_t)batch * device->model->frame_bytes;
        frames -= batch;
    }
    return status;
}

slipstick_status slipstick_class(slipstick_device *device, const int64_t *values,
                                 uint32_t *class_index) {
    const slipstick_status status = check_ready(device);
    if (status != SLIPSTICK_OK) return status;
    if (values == NULL || class_index == NULL) return fail(device, SLIPSTICK_NULL);
    if (device->model->classes == 0) return fail(device, SLIPSTICK_NO_CLASS);
    uint32_t best = 0;
    for (uint32_t n = 1; !device->model->ends_in_class && n < device->model->classes; ++n)
        if (values[n] > values[best]) best = n;
    *class_index = device->model->ends_in_class ? (uint32_t)values[0] : best;
    return SLIPSTICK_OK;
}

slipstick_status slipstick_selftest(slipstick_device *device, uint64_t timeout_us) {
    slipstick_status status = check_attached(device);
    if (status != SLIPSTICK_OK) return status;
    status = check_idle(device);
    if (status != SLIPSTICK_OK) return status;
    const slipstick_model *model = device->model;
    volatile uint8_t *found = result_at(device, 0);
    // What an earlier run left must not pass for the result.
    for (uint32_t n = 0; n < model->result_bytes; ++n)
        found[n] = (uint8_t)~model->selftest_result[n];
    status = run(device, model->selftest_frame, 1, timeout_us);
    if (status != SLIPSTICK_OK) return status;
    for (uint32_t n = 0; n < model->result_bytes; ++n)
        if (found[n] != model->selftest_result[n]) return fail(device, SLIPSTICK_WRONG_RESULT);
    return SLIPSTICK_OK;
}

// Gives a command that ends any batch, and waits until nothing is going on any more.
static slipstick_status end_by(slipstick_device *device, uint32_t command) {
    device->started = false;
    put(device, SLIPSTICK_REG_CONTROL, command);
    const uint64_t begin = now(device);
    for (;;) {
        const bool late = now(device) - begin >= RESET_US;
        const uint32_t status = get(device, SLIPSTICK_REG_STATUS);
        if (device->bus_error) return end_of_accesses(device);
        if (!(status & (SLIPSTICK__STATUS__RESETTING_bm | SLIPSTICK__STATUS__BUSY_bm)))
            return SLIPSTICK_OK;
        if (late) return fail(device, SLIPSTICK_HUNG);
    }
}

slipstick_status slipstick_reset(slipstick_device *device) {
    const slipstick_status status = check_ready(device);
    if (status != SLIPSTICK_OK) return status;
    return end_by(device, SLIPSTICK__CONTROL__SOFT_RESET_bm);
}

slipstick_status slipstick_abandon(slipstick_device *device) {
    const slipstick_status status = check_ready(device);
    if (status != SLIPSTICK_OK) return status;
    // The core heeds it where it waits for memory, as at the end of a batch.
    put(device, SLIPSTICK_REG_CONTROL, SLIPSTICK__CONTROL__SOFT_RESET_bm);
    return end_by(device, SLIPSTICK__CONTROL__ABANDON_bm);
}

// The two words of the counter are read one after the other while it counts.
static uint64_t cycles(slipstick_device *device) {
    const uint32_t before = get(device, SLIPSTICK_REG_CYCLES_LOW);
    uint32_t high = get(device, SLIPSTICK_REG_CYCLES_HIGH);
    const uint32_t low = get(device, SLIPSTICK_REG_CYCLES_LOW);
    if (low < before) high = get(device, SLIPSTICK_REG_CYCLES_HIGH);
    return (uint64_t)high << 32 | low;
}

slipstick_status slipstick_counters(slipstick_device *device, slipstick_run_counters *counters) {
    const slipstick_status status = check_ready(device);
    if (status != SLIPSTICK_OK) return status;
    if (counters == NULL) return fail(device, SLIPSTICK_NULL);
    counters->frames_read = get(device, SLIPSTICK_REG_FRAMES_READ);
    counters->frames_written = get(device, SLIPSTICK_REG_FRAMES_WRITTEN);
    counters->cycles = cycles(device);
    counters->read_bursts = get(device, SLIPSTICK_REG_READ_BURSTS);
    counters->read_beats = get(device, SLIPSTICK_REG_READ_BEATS);
    counters->read_stalls = get(device, SLIPSTICK_REG_READ_STALLS);
    counters->write_bursts = get(device, SLIPSTICK_REG_WRITE_BURSTS);
    counters->write_beats = get(device, SLIPSTICK_REG_WRITE_BEATS);
    counters->write_stalls = get(device, SLIPSTICK_REG_WRITE_STALLS);
    counters->saturations = get(device, SLIPSTICK_REG_SATURATIONS);
    return end_of_accesses(device);
}

slipstick_status slipstick_stage(slipstick_device *device, uint32_t stage,
                                 slipstick_stage_counters *counters) {
    const slipstick_status status = check_ready(device);
    if (status != SLIPSTICK_OK) return status;
    if (counters == NULL) return fail(device, SLIPSTICK_NULL);
    if (stage >= device->model->stages) return fail(device, SLIPSTICK_NO_STAGE);
    counters->beats = get(device, SLIPSTICK_REG_STAGE_BEATS(stage));
    counters->stalls = get(device, SLIPSTICK_REG_STAGE_STALLS(stage));
    counters->saturated = get(device, SLIPSTICK_REG_STAGE_SATURATED(stage));
    return end_of_accesses(device);
}

slipstick_error slipstick_last_error(const slipstick_device *device) {
    if (device == NULL)
        return (slipstick_error){SLIPSTICK_NULL, 0, STATUS_TEXT[SLIPSTICK_NULL]};
    if (device->error.text == NULL) return (slipstick_error){SLIPSTICK_OK, 0, STATUS_TEXT[0]};
    return device->error;
}
