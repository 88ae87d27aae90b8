#define _POSIX_C_SOURCE 200809L

#include "slipstick_linux.h"

#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

// Tests have folders of their own in place of these.
#ifndef SLIPSTICK_DEVICES
#define SLIPSTICK_DEVICES "/dev"
#define SLIPSTICK_CLASSES "/sys/class"
#endif

#define PATH_BYTES 256
#define REGISTER_BYTES 0x1400u

// A number in a file of /sys; 0 if there is none.
static uint64_t read_number(const char *path) {
    FILE *file = fopen(path, "r");
    char text[32];
    if (file == NULL) return 0;
    const char *read = fgets(text, sizeof text, file);
    fclose(file);
    return read == NULL ? 0 : strtoull(text, NULL, 0);
}

static uint64_t map_number(unsigned number, unsigned map, const char *what) {
    char path[PATH_BYTES];
    snprintf(path, sizeof path, SLIPSTICK_CLASSES "/uio/uio%u/maps/map%u/%s", number, map, what);
    return read_number(path);
}

static void *map_bytes(int file, size_t bytes, off_t offset) {
    void *found = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, offset);
    return found == MAP_FAILED ? NULL : found;
}

// UIO numbers its maps by pages.
static void *map_uio(int file, unsigned map, size_t bytes) {
    return map_bytes(file, bytes, (off_t)map * sysconf(_SC_PAGESIZE));
}

static const char *open_registers(slipstick_linux *system, unsigned number) {
    char path[PATH_BYTES];
    snprintf(path, sizeof path, SLIPSTICK_DEVICES "/uio%u", number);
    system->file = open(path, O_RDWR | O_SYNC);
    if (system->file < 0) return "the UIO device cannot be opened";
    system->register_bytes = (size_t)map_number(number, 0, "size");
    if (system->register_bytes < REGISTER_BYTES) return "the UIO device's first map is too small";
    system->registers = map_uio(system->file, 0, system->register_bytes);
    return system->registers == NULL ? "the registers cannot be mapped" : NULL;
}

static const char *open_reserved(slipstick_linux *system, unsigned number) {
    system->memory_bytes = (size_t)map_number(number, 1, "size");
    system->address = map_number(number, 1, "addr");
    if (system->memory_bytes == 0) return "the UIO device has no second map for memory";
    system->memory = map_uio(system->file, 1, system->memory_bytes);
    return system->memory == NULL ? "the reserved memory cannot be mapped" : NULL;
}

static const char *open_dma_buffer(slipstick_linux *system, const char *name) {
    char path[PATH_BYTES];
    snprintf(path, sizeof path, SLIPSTICK_CLASSES "/u-dma-buf/%s/size", name);
    system->memory_bytes = (size_t)read_number(path);
    snprintf(path, sizeof path, SLIPSTICK_CLASSES "/u-dma-buf/%s/phys_addr", name);
    system->address = read_number(path);
    snprintf(path, sizeof path, SLIPSTICK_DEVICES "/%s", name);
    // O_SYNC makes the mapping one without a cache.
    const int file = open(path, O_RDWR | O_SYNC);
    if (file < 0 || system->memory_bytes == 0) return "there is no such u-dma-buf buffer";
    system->memory = map_bytes(file, system->memory_bytes, 0);
    close(file);
    return system->memory == NULL ? "the u-dma-buf buffer cannot be mapped" : NULL;
}

const char *slipstick_linux_open(slipstick_linux *system, unsigned number,
                                 const char *dma_buffer) {
    *system = (slipstick_linux){.file = -1};
    const char *wrong = open_registers(system, number);
    if (wrong == NULL)
        wrong = dma_buffer == NULL ? open_reserved(system, number)
                                   : open_dma_buffer(system, dma_buffer);
    if (wrong != NULL) slipstick_linux_close(system);
    return wrong;
}

void slipstick_linux_close(slipstick_linux *system) {
    if (system->memory != NULL) munmap(system->memory, system->memory_bytes);
    if (system->registers != NULL) munmap((void *)system->registers, system->register_bytes);
    if (system->file >= 0) close(system->file);
    *system = (slipstick_linux){.file = -1};
}

static int read32(void *context, uint32_t offset, uint32_t *value) {
    const slipstick_linux *system = context;
    *value = system->registers[offset / 4];
    return 0;
}

static int write32(void *context, uint32_t offset, uint32_t value) {
    const slipstick_linux *system = context;
    system->registers[offset / 4] = value;
    return 0;
}

static int bus_address(void *context, const void *memory, size_t bytes, uint64_t *address) {
    const slipstick_linux *system = context;
    const uintptr_t at = (uintptr_t)memory, first = (uintptr_t)system->memory;
    const size_t room = system->memory_bytes;
    if (at < first || at - first > room || bytes > room - (at - first)) return -1;
    *address = system->address + (at - first);
    return 0;
}

// The mapping has no cache: it is enough that what was written has arrived.
static void keep(void *context, const void *memory, size_t bytes) {
    (void)context;
    (void)memory;
    (void)bytes;
    __sync_synchronize();
}

static uint64_t microseconds(void *context) {
    (void)context;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

// UIO masks the interrupt when it comes; writing a 1 lets it in again, and reading clears the
// event. An error here costs time only, since the driver reads the status anyway.
static void wait_interrupt(void *context, uint64_t timeout) {
    const slipstick_linux *system = context;
    const uint32_t enable = 1;
    uint32_t count;
    if (write(system->file, &enable, sizeof enable) != (ssize_t)sizeof enable) return;
    struct pollfd wanted = {.fd = system->file, .events = POLLIN};
    const int ready = poll(&wanted, 1, (int)((timeout + 999u) / 1000u));
    if (ready > 0 && read(system->file, &count, sizeof count) != (ssize_t)sizeof count) return;
}

slipstick_port slipstick_linux_port(slipstick_linux *system) {
    return (slipstick_port){system, read32,       write32,       bus_address, keep,
                            keep,   microseconds, wait_interrupt};
}
