#include "zynq.h"

#include <stdbool.h>
#include <stddef.h>

#define REGISTER(address) (*(volatile uint32_t *)(uintptr_t)(address))

// Interrupt controller, PL390: of this processor, and of all.
#define GIC_CONTROL REGISTER(0xf8f00100u)
#define GIC_MASK REGISTER(0xf8f00104u)
#define GIC_ACKNOWLEDGE REGISTER(0xf8f0010cu)
#define GIC_END REGISTER(0xf8f00110u)
#define GIC_ENABLE REGISTER(0xf8f01000u)
#define GIC_SET_ENABLE(id) REGISTER(0xf8f01100u + (id) / 32u * 4u)
#define GIC_CLEAR_ENABLE(id) REGISTER(0xf8f01180u + (id) / 32u * 4u)
#define GIC_PRIORITY(id) REGISTER(0xf8f01400u + (id) / 4u * 4u)
#define GIC_TARGET(id) REGISTER(0xf8f01800u + (id) / 4u * 4u)
#define GIC_TRIGGER(id) REGISTER(0xf8f01c00u + (id) / 16u * 4u)
#define GIC_BYTE(id) ((id) % 4u * 8u)
// The first of the lines from the fabric, IRQ_F2P[0].
#define FABRIC 61u

#define TIMER_LOW REGISTER(0xf8f00200u)
#define TIMER_HIGH REGISTER(0xf8f00204u)
#define TIMER_CONTROL REGISTER(0xf8f00208u)

#define UART_STATUS REGISTER(SLIPSTICK_UART + 0x2cu)
#define UART_FIFO REGISTER(SLIPSTICK_UART + 0x30u)
#define UART_FULL 0x10u
// A UART without a clock must not stop the program.
#define UART_PATIENCE_US 10000u

// DDR as the accelerator's port sees it; the first megabyte is not DDR for it.
#define DDR_FIRST 0x00100000u
#define DDR_END 0x40000000u

static volatile bool interrupted;

// Called by the vector. The line stays high until the driver has cleared its cause, so it is masked
// here, and let in again by the next wait.
__attribute__((interrupt("IRQ"))) void interrupt(void) {
    const uint32_t id = GIC_ACKNOWLEDGE & 0x3ffu;
    if (id == FABRIC) {
        GIC_CLEAR_ENABLE(FABRIC) = 1u << FABRIC % 32u;
        interrupted = true;
    }
    if (id < 1020u) GIC_END = id;
}

static void write_byte(volatile uint32_t *word, uint32_t bit, uint32_t value) {
    *word = (*word & ~(0xffu << bit)) | value << bit;
}

void zynq_start(void) {
    TIMER_CONTROL = 1;
    GIC_CLEAR_ENABLE(FABRIC) = 1u << FABRIC % 32u;
    write_byte(&GIC_PRIORITY(FABRIC), GIC_BYTE(FABRIC), 0xa0u);
    write_byte(&GIC_TARGET(FABRIC), GIC_BYTE(FABRIC), 1);
    // A level, not an edge.
    GIC_TRIGGER(FABRIC) &= ~(2u << FABRIC % 16u * 2u);
    GIC_MASK = 0xff;
    GIC_CONTROL = 1;
    GIC_ENABLE = 1;
    __asm__ volatile("cpsie i" ::: "memory");
}

static int read32(void *context, uint32_t offset, uint32_t *value) {
    (void)context;
    *value = REGISTER(SLIPSTICK_BASE + offset);
    return 0;
}

static int write32(void *context, uint32_t offset, uint32_t value) {
    (void)context;
    REGISTER(SLIPSTICK_BASE + offset) = value;
    return 0;
}

static int bus_address(void *context, const void *memory, size_t bytes, uint64_t *address) {
    (void)context;
    const uint32_t at = (uint32_t)(uintptr_t)memory;
    if (at < DDR_FIRST || at >= DDR_END || bytes > DDR_END - at) return -1;
    *address = at;
    return 0;
}

// Data caches are off: it is enough that what was written has arrived.
static void keep(void *context, const void *memory, size_t bytes) {
    (void)context;
    (void)memory;
    (void)bytes;
    __asm__ volatile("dsb" ::: "memory");
}

static uint64_t microseconds(void *context) {
    (void)context;
    uint32_t high = TIMER_HIGH;
    uint32_t low = TIMER_LOW;
    // The low word may have carried between the two.
    const uint32_t again = TIMER_HIGH;
    if (again != high) {
        high = again;
        low = TIMER_LOW;
    }
    return ((uint64_t)high << 32 | low) / SLIPSTICK_TIMER_MHZ;
}

static void wait_interrupt(void *context, uint64_t timeout) {
    const uint64_t begin = microseconds(context);
    interrupted = false;
    GIC_SET_ENABLE(FABRIC) = 1u << FABRIC % 32u;
    while (!interrupted && microseconds(context) - begin < timeout) continue;
    GIC_CLEAR_ENABLE(FABRIC) = 1u << FABRIC % 32u;
}

const slipstick_port zynq_port = {NULL,  read32,       write32,       bus_address, keep,
                                  keep,  microseconds, wait_interrupt};

void zynq_print(const char *text) {
    for (; *text != '\0'; ++text) {
        const uint64_t begin = microseconds(NULL);
        while (UART_STATUS & UART_FULL && microseconds(NULL) - begin < UART_PATIENCE_US) continue;
        UART_FIFO = (uint8_t)*text;
    }
}

void zynq_print_number(uint32_t value) {
    char digits[11];
    char *at = digits + sizeof digits - 1;
    *at = '\0';
    do {
        *--at = (char)('0' + value % 10u);
        value /= 10u;
    } while (value > 0);
    zynq_print(at);
}
