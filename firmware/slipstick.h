// Driver of a network compiled by Slipstick: frames in memory go in, results in memory come out.
//
// The order of calls is init, attach, then for each batch load, start, wait, result; `infer` does
// the last four. Every function tells what happened by a `slipstick_status`, and
// `slipstick_last_error` says more about the last one that was no success. No function waits
// longer than it was told, allocates memory, or touches the hardware before its arguments are
// checked. A device belongs to one thread.
#ifndef SLIPSTICK_H
#define SLIPSTICK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "slipstick_port.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
    SLIPSTICK_OK,
    SLIPSTICK_RUNNING,         // no error: the batch goes on
    SLIPSTICK_NULL,            // an argument is NULL
    SLIPSTICK_NOT_READY,       // init or attach has not succeeded
    SLIPSTICK_NOT_STARTED,     // there is no batch to wait for
    SLIPSTICK_MISALIGNED,      // buffer or stride is no multiple of the element's size
    SLIPSTICK_BAD_STRIDE,      // stride below the size of a frame or result
    SLIPSTICK_NO_ROOM,         // more frames than the buffers hold
    SLIPSTICK_UNREACHABLE,     // the accelerator cannot address the buffer
    SLIPSTICK_OVERLAP,         // source and destination share bytes
    SLIPSTICK_NO_FRAMES,       // zero frames
    SLIPSTICK_NO_CLASS,        // the network does not name one class a frame
    SLIPSTICK_NO_STAGE,        // the network has no such stage
    SLIPSTICK_BUSY,            // a batch is still running
    SLIPSTICK_WRONG_DEVICE,    // no Slipstick core answers
    SLIPSTICK_WRONG_VERSION,   // its registers are of another major version
    SLIPSTICK_WRONG_NETWORK,   // it was built from another network
    SLIPSTICK_WRONG_GEOMETRY,  // its sizes are not the model's
    SLIPSTICK_BUS_ERROR,       // a register access was answered with an error
    SLIPSTICK_TIMEOUT,         // the time is over; the batch may still be running
    SLIPSTICK_FAILED,          // the batch ended by an error; see the causes
    SLIPSTICK_HUNG,            // memory does not answer; see slipstick_abandon
    SLIPSTICK_WRONG_RESULT,    // the self-test computed something else
    SLIPSTICK_STATUSES
} slipstick_status;

// The network as it was compiled: `slipstick_model.c`, which is generated, holds one.
typedef struct {
    const char *name;
    uint32_t hash[4];
    uint32_t frame_bytes, result_bytes;
    uint32_t frame_element, result_element;    // bytes of one channel
    uint32_t frame_shape[3], result_shape[3];  // channels, rows, columns
    uint32_t frame_width, result_width;        // bits of one channel
    bool frame_signed, result_signed;
    int32_t frame_fraction, result_fraction;   // an integer v stands for v * 2^-fraction
    uint32_t classes;                          // 0: the network does not name one class a frame
    bool ends_in_class;                        // the result is the class itself
    const uint32_t *order;                     // channel at each place of a pixel; NULL: natural
    uint32_t interval;                         // cycles a frame, ideally
    uint32_t clock_hz;                         // for which it was compiled
    uint32_t stages;
    const char *const *stage_names;
    const uint8_t *selftest_frame, *selftest_result;
} slipstick_model;

// Memory for frames and results, both visible to the accelerator. A stride is the distance from
// one frame or result to the next in bytes. Where the port has caches, no other data may share a
// cache line with the results.
typedef struct {
    void *source;
    size_t source_bytes;
    uint32_t source_stride;
    void *destination;
    size_t destination_bytes;
    uint32_t destination_stride;
} slipstick_buffers;

typedef struct {
    slipstick_status status;
    uint32_t causes;   // bits of the ERRORS register
    const char *text;  // one line in English
} slipstick_error;

typedef struct {
    const slipstick_port *port;
    const slipstick_model *model;  // NULL until init has succeeded
    slipstick_buffers buffers;
    uint32_t source_address, destination_address;
    uint32_t capacity;             // frames that fit into both buffers; 0 until attach
    uint32_t batch;                // frames of the last start
    bool started, bus_error;
    slipstick_error error;
    // Set by init; the next start takes what stands here.
    uint32_t watchdog;             // bus cycles without progress that end a batch; 0: none do
    uint32_t saturation_limit;     // saturated beats allowed; all ones: any number
} slipstick_device;

typedef struct {
    uint32_t frames_read, frames_written;
    uint64_t cycles;
    uint32_t read_bursts, read_beats, read_stalls;
    uint32_t write_bursts, write_beats, write_stalls;
    uint32_t saturations;
} slipstick_run_counters;

typedef struct {
    uint32_t beats, stalls, saturated;
} slipstick_stage_counters;

// Checks that the device is a Slipstick core built from `model`, and resets it. Both pointers must
// stay valid while the device is used.
slipstick_status slipstick_init(slipstick_device *device, const slipstick_port *port,
                                const slipstick_model *model);

// Gives the device its memory, and takes it away from any buffers it had.
slipstick_status slipstick_attach(slipstick_device *device, const slipstick_buffers *buffers);

// Where frame `index` and its result lie; NULL outside of the buffers.
void *slipstick_frame(const slipstick_device *device, uint32_t index);
void *slipstick_raw_result(const slipstick_device *device, uint32_t index);

// Copies an image, laid out as docs/system.md says, to place `index` and makes it visible to the
// accelerator. An image that was written to `slipstick_frame(device, index)` is not copied.
slipstick_status slipstick_load(slipstick_device *device, uint32_t index, const void *image);

// Starts a batch of the first `frames` frames.
slipstick_status slipstick_start(slipstick_device *device, uint32_t frames);

// SLIPSTICK_RUNNING, SLIPSTICK_OK when all results are in memory, or what went wrong.
slipstick_status slipstick_poll(slipstick_device *device);

// The same when the batch has ended, or SLIPSTICK_TIMEOUT. An interrupt that is lost costs time,
// not the result: the status is read again every few milliseconds.
slipstick_status slipstick_wait_irq(slipstick_device *device, uint64_t timeout_us);

// The result at place `index`: for each pixel its channels in order, `result_bytes /
// result_element` integers in all.
slipstick_status slipstick_result(slipstick_device *device, uint32_t index, int64_t *values);

// Classifies or transforms `frames` images that lie behind each other, in as many batches as the
// buffers make necessary. `timeout_us` is for each batch; one that takes longer is ended.
slipstick_status slipstick_infer(slipstick_device *device, const void *images, uint32_t frames,
                                 int64_t *values, uint64_t timeout_us);

// The class that a result names: the largest value, the lowest index of equal ones.
slipstick_status slipstick_class(slipstick_device *device, const int64_t *values,
                                 uint32_t *class_index);

// Runs the model's own frame and compares every bit of the result. Uses place 0 of the buffers.
slipstick_status slipstick_selftest(slipstick_device *device, uint64_t timeout_us);

// Ends any batch and clears all flags.
slipstick_status slipstick_reset(slipstick_device *device);

// Makes the core forget transactions that memory will never answer, then resets it. Only after the
// interconnect was reset: an answer that still came would be taken for another one's.
slipstick_status slipstick_abandon(slipstick_device *device);

// Of the batch that runs, or the last one; those of a stage are exact when none runs.
slipstick_status slipstick_counters(slipstick_device *device, slipstick_run_counters *counters);
slipstick_status slipstick_stage(slipstick_device *device, uint32_t stage,
                                 slipstick_stage_counters *counters);

// What the last call that did not succeed found.
slipstick_error slipstick_last_error(const slipstick_device *device);

#ifdef __cplusplus
}
#endif

#endif
