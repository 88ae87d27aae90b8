// First instructions on a Cortex-A9 of a Zynq-7000, whoever started it: FSBL, U-Boot or JTAG.
//
// Leaves the MMU and the data caches off. All data is then strongly ordered and the accelerator
// and the processor see the same memory at once; this program touches too few bytes for caches to
// matter. Instructions are cached, which the MMU does not have to be on for.
    .syntax unified
    .arm

#define MODE_IRQ 0x12
#define MODE_ABORT 0x17
#define MODE_UNDEFINED 0x1b
#define MODE_SYSTEM 0x1f
#define MASKED 0xc0

#define SCTLR_MMU (1 << 0)
#define SCTLR_DATA (1 << 2)
#define SCTLR_BRANCHES (1 << 11)
#define SCTLR_INSTRUCTIONS (1 << 12)
#define SCTLR_HIGH_VECTORS (1 << 13)

// Level 2 cache controller, PL310.
#define L2_BASE 0xf8f02000
#define L2_CONTROL 0x100
#define L2_SYNC 0x730
#define L2_CLEAN_WAYS 0x7fc
#define L2_WAYS 0xff

    .section .vectors, "ax"
    .global _start
_start:
    b       reset
    b       undefined
    b       supervisor_call
    b       prefetch_abort
    b       data_abort
    b       unused
    b       interrupt
    b       fast_interrupt

    .text
reset:
    cpsid   if, #MODE_SYSTEM
    // Only the first processor runs this program.
    mrc     p15, 0, r0, c0, c0, 5
    tst     r0, #3
sleep:
    wfene
    bne     sleep

    // What U-Boot loaded may still be in the data caches: they are switched off, then written back.
    mrc     p15, 0, r0, c1, c0, 0
    bic     r0, r0, #(SCTLR_MMU | SCTLR_DATA)
    mcr     p15, 0, r0, c1, c0, 0
    isb
    bl      clean_level_1
    bl      clean_level_2

    mov     r0, #0
    mcr     p15, 0, r0, c8, c7, 0           // translations
    mcr     p15, 0, r0, c7, c5, 0           // instructions
    mcr     p15, 0, r0, c7, c5, 6           // branch predictions
    dsb
    isb
    mrc     p15, 0, r0, c1, c0, 0
    orr     r0, r0, #(SCTLR_INSTRUCTIONS | SCTLR_BRANCHES)
    bic     r0, r0, #SCTLR_HIGH_VECTORS
    mcr     p15, 0, r0, c1, c0, 0
    ldr     r0, =_start
    mcr     p15, 0, r0, c12, c0, 0
    isb

    cps     #MODE_IRQ
    ldr     sp, =stack_irq
    cps     #MODE_ABORT
    ldr     sp, =stack_exception
    cps     #MODE_UNDEFINED
    ldr     sp, =stack_exception
    cps     #MODE_SYSTEM
    ldr     sp, =stack_main

    ldr     r0, =bss_start
    ldr     r1, =bss_end
    mov     r2, #0
clear:
    cmp     r0, r1
    strlo   r2, [r0], #4
    blo     clear

    bl      main
end:
    wfi
    b       end

// Cleans and invalidates the level 1 data cache: 4 ways of 32 bytes a line; how many sets there are
// says its size register.
clean_level_1:
    mov     r0, #0
    mcr     p15, 2, r0, c0, c0, 0
    isb
    mrc     p15, 1, r0, c0, c0, 0
    ubfx    r1, r0, #13, #15                // the last set
set:
    mov     r2, #3                          // the last way
way:
    mov     r3, r2, lsl #30
    orr     r3, r3, r1, lsl #5
    mcr     p15, 0, r3, c7, c14, 2
    subs    r2, r2, #1
    bpl     way
    subs    r1, r1, #1
    bpl     set
    dsb
    bx      lr

// Cleans, invalidates and switches off the level 2 cache, if it is on.
clean_level_2:
    ldr     r0, =L2_BASE
    ldr     r1, [r0, #L2_CONTROL]
    tst     r1, #1
    bxeq    lr
    mov     r1, #L2_WAYS
    add     r2, r0, #(L2_CLEAN_WAYS & 0xf00)
    str     r1, [r2, #(L2_CLEAN_WAYS & 0xff)]
ways:
    ldr     r1, [r2, #(L2_CLEAN_WAYS & 0xff)]
    tst     r1, #L2_WAYS
    bne     ways
    mov     r1, #0
    str     r1, [r0, #L2_SYNC]
    str     r1, [r0, #L2_CONTROL]
    dsb
    bx      lr

// Exceptions end the program; the number in r0 is that of the vector.
undefined:
    mov     r0, #1
    b       exception
supervisor_call:
    mov     r0, #2
    b       exception
prefetch_abort:
    mov     r0, #3
    b       exception
data_abort:
    mov     r0, #4
    b       exception
unused:
    mov     r0, #5
    b       exception
fast_interrupt:
    mov     r0, #7
exception:
    cpsid   if, #MODE_SYSTEM
    ldr     sp, =stack_main
    bl      on_exception
    b       end
