// The Linux port on plain files in place of devices. Arguments: the buffer of u-dma-buf, or "".
// Prints what it found.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "slipstick_linux.h"

int main(int argc, char **argv) {
    slipstick_linux system;
    const char *buffer = argc > 1 && *argv[1] ? argv[1] : NULL;
    const char *wrong = slipstick_linux_open(&system, 3, buffer);
    if (wrong != NULL) {
        printf("%s\n", wrong);
        return 1;
    }
    const slipstick_port port = slipstick_linux_port(&system);
    uint32_t value = 0;
    uint64_t address = 0;
    port.write32(port.context, 0x54, 0xcafef00du);
    port.read32(port.context, 0x54, &value);
    printf("register %08" PRIx32 "\n", value);
    const int inside = port.bus_address(port.context, system.memory + 100, 50, &address);
    printf("address %d %" PRIx64 "\n", inside, address);
    printf("outside %d %d %d\n",
           port.bus_address(port.context, system.memory + 1, system.memory_bytes, &address),
           port.bus_address(port.context, system.memory - 1, 1, &address),
           port.bus_address(port.context, &value, 1, &address));
    memset(system.memory, 7, 10);
    port.flush(port.context, system.memory, 10);
    port.invalidate(port.context, system.memory, 10);
    const uint64_t begin = port.microseconds(port.context);
    port.wait_interrupt(port.context, 2000);
    printf("quick %d\n", port.microseconds(port.context) - begin < 5000000u);
    slipstick_linux_close(&system);
    return 0;
}
