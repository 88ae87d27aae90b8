// Runs frames through the driver and the simulated system.
//
// Arguments: FRAMES COUNT BATCH RESULTS SEED PROFILE. FRAMES and RESULTS are files of frames and
// results as they lie in memory, one behind the other. Prints "progress N" while it runs, N of the
// frames done, and at last one line of JSON: the sums of the counters or an error, and the rules of
// the bus that were broken. Exit code 0 when every frame has its result.
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "slipstick.h"
#include "slipstick_host.h"
#include "slipstick_model.h"
#include "slipstick_sim.h"

#define BASE 0x10000000u
#define SPACING 4096u
// Simulated time that a batch may take, in times of what its frames take ideally.
#define PATIENCE 1000u

typedef struct {
    uint64_t frames_read, frames_written, cycles;
    uint64_t read_bursts, read_beats, read_stalls;
    uint64_t write_bursts, write_beats, write_stalls, saturations;
    uint64_t beats[SLIPSTICK_STAGES], stalls[SLIPSTICK_STAGES], saturated[SLIPSTICK_STAGES];
} totals;

typedef struct {
    FILE *frames, *results;
    uint64_t count;
    uint32_t batch;
} job;

static size_t room(uint32_t bytes, uint32_t batch) {
    return ((size_t)bytes * batch + SPACING - 1) / SPACING * SPACING;
}

static uint64_t timeout_us(uint32_t frames) {
    const uint64_t cycles = (uint64_t)slipstick_network.interval * (frames + SLIPSTICK_STAGES);
    return 1000 + cycles * PATIENCE / (slipstick_network.clock_hz / 1000000u + 1);
}

static slipstick_status count(slipstick_device *device, totals *sum) {
    slipstick_run_counters run;
    slipstick_status status = slipstick_counters(device, &run);
    sum->frames_read += run.frames_read;
    sum->frames_written += run.frames_written;
    sum->cycles += run.cycles;
    sum->read_bursts += run.read_bursts;
    sum->read_beats += run.read_beats;
    sum->read_stalls += run.read_stalls;
    sum->write_bursts += run.write_bursts;
    sum->write_beats += run.write_beats;
    sum->write_stalls += run.write_stalls;
    sum->saturations += run.saturations;
    for (uint32_t n = 0; status == SLIPSTICK_OK && n < SLIPSTICK_STAGES; ++n) {
        slipstick_stage_counters stage;
        status = slipstick_stage(device, n, &stage);
        sum->beats[n] += stage.beats;
        sum->stalls[n] += stage.stalls;
        sum->saturated[n] += stage.saturated;
    }
    return status;
}

static bool read_frames(slipstick_device *device, FILE *file, uint32_t frames) {
    for (uint32_t n = 0; n < frames; ++n) {
        void *place = slipstick_frame(device, n);
        if (fread(place, SLIPSTICK_FRAME_BYTES, 1, file) != 1) return false;
        if (slipstick_load(device, n, place) != SLIPSTICK_OK) return false;
    }
    return true;
}

static bool write_results(const slipstick_device *device, FILE *file, uint32_t frames) {
    for (uint32_t n = 0; n < frames; ++n)
        if (fwrite(slipstick_raw_result(device, n), SLIPSTICK_RESULT_BYTES, 1, file) != 1)
            return false;
    return true;
}

static slipstick_status run(slipstick_device *device, const job *work, totals *sum) {
    slipstick_status status = slipstick_selftest(device, timeout_us(1));
    for (uint64_t done = 0; status == SLIPSTICK_OK && done < work->count;) {
        const uint64_t left = work->count - done;
        const uint32_t frames = left < work->batch ? (uint32_t)left : work->batch;
        if (!read_frames(device, work->frames, frames)) {
            fprintf(stderr, "frame %" PRIu64 " or one behind it cannot be read\n", done);
            exit(3);
        }
        status = slipstick_start(device, frames);
        if (status == SLIPSTICK_OK) status = slipstick_wait_irq(device, timeout_us(frames));
        if (status == SLIPSTICK_OK) status = count(device, sum);
        if (status != SLIPSTICK_OK) break;
        if (!write_results(device, work->results, frames)) {
            fprintf(stderr, "results cannot be written\n");
            exit(3);
        }
        done += frames;
        printf("progress %" PRIu64 "\n", done);
        fflush(stdout);
    }
    return status;
}

static void print_error(slipstick_error error) {
    printf("\"error\":{\"status\":%d,\"causes\":%" PRIu32 ",\"text\":\"%s\"}",
           (int)error.status, error.causes, error.text);
}

// Lines of printable characters without quotes, as a list of strings.
static void print_lines(const char *name, const char *text) {
    printf(",\"%s\":[", name);
    for (size_t length; *text != '\0'; text += length + (text[length] == '\n')) {
        length = strcspn(text, "\n");
        printf("\"%.*s\"%s", (int)length, text, text[length] && text[length + 1] ? "," : "");
    }
    printf("]");
}

static void print_totals(const totals *sum) {
    printf("\"frames_read\":%" PRIu64 ",\"frames_written\":%" PRIu64 ",\"cycles\":%" PRIu64
           ",\"read_bursts\":%" PRIu64 ",\"read_beats\":%" PRIu64 ",\"read_stalls\":%" PRIu64
           ",\"write_bursts\":%" PRIu64 ",\"write_beats\":%" PRIu64 ",\"write_stalls\":%" PRIu64
           ",\"saturations\":%" PRIu64 ",\"stages\":[",
           sum->frames_read, sum->frames_written, sum->cycles, sum->read_bursts, sum->read_beats,
           sum->read_stalls, sum->write_bursts, sum->write_beats, sum->write_stalls,
           sum->saturations);
    for (uint32_t n = 0; n < SLIPSTICK_STAGES; ++n)
        printf("%s{\"beats\":%" PRIu64 ",\"stalls\":%" PRIu64 ",\"saturated\":%" PRIu64 "}",
               n ? "," : "", sum->beats[n], sum->stalls[n], sum->saturated[n]);
    printf("]");
}

static slipstick_status start_system(slipstick_host *host, slipstick_device *device,
                                     const slipstick_port *port, uint32_t batch) {
    const size_t source = room(SLIPSTICK_FRAME_BYTES, batch);
    const slipstick_buffers buffers = {
        .source = host->memory,
        .source_bytes = source,
        .source_stride = SLIPSTICK_FRAME_BYTES,
        .destination = host->memory + source,
        .destination_bytes = host->bytes - source,
        .destination_stride = SLIPSTICK_RESULT_BYTES,
    };
    const slipstick_status status = slipstick_init(device, port, &slipstick_network);
    return status == SLIPSTICK_OK ? slipstick_attach(device, &buffers) : status;
}

static FILE *open_file(const char *path, const char *mode) {
    FILE *file = fopen(path, mode);
    if (file == NULL) {
        fprintf(stderr, "%s cannot be opened\n", path);
        exit(3);
    }
    return file;
}

int main(int argc, char **argv) {
    if (argc != 7) {
        fprintf(stderr, "arguments: frames count batch results seed profile\n");
        return 2;
    }
    const job work = {open_file(argv[1], "rb"), open_file(argv[4], "wb"),
                      strtoull(argv[2], NULL, 10), (uint32_t)strtoul(argv[3], NULL, 10)};
    slipstick_host host = {.base = BASE, .clock_hz = slipstick_network.clock_hz};
    host.bytes = room(SLIPSTICK_FRAME_BYTES, work.batch) + room(SLIPSTICK_RESULT_BYTES, work.batch);
    host.system = sim_open(strtoull(argv[5], NULL, 10), argv[6], BASE, host.bytes);
    host.memory = host.system ? sim_memory(host.system, BASE, host.bytes) : NULL;
    if (host.memory == NULL) {
        fprintf(stderr, "the simulated system cannot be made\n");
        return 3;
    }
    sim_allow_writes(host.system, BASE + (uint32_t)room(SLIPSTICK_FRAME_BYTES, work.batch),
                     (size_t)SLIPSTICK_RESULT_BYTES * work.batch);
    const slipstick_port port = slipstick_host_port(&host);
    static slipstick_device device;
    static totals sum;
    slipstick_status status = start_system(&host, &device, &port, work.batch);
    if (status == SLIPSTICK_OK) status = run(&device, &work, &sum);
    printf("{");
    if (status == SLIPSTICK_OK)
        print_totals(&sum);
    else
        print_error(slipstick_last_error(&device));
    print_lines("violations", sim_violations(host.system));
    printf("}\n");
    sim_close(host.system);
    fclose(work.frames);
    return fclose(work.results) != 0 || status != SLIPSTICK_OK;
}
