// Where the program is told what to do, and tells what it did: at 0x00100100.
#ifndef MAILBOX_H
#define MAILBOX_H

#include <stdint.h>

typedef enum {
    MAILBOX_LOADED,     // the program has not begun
    MAILBOX_RUNNING,
    MAILBOX_DONE,       // all went well
    MAILBOX_FAILED,     // see error and causes
    MAILBOX_EXCEPTION,  // the processor stopped; error is the vector's number, 4 a data abort
} mailbox_status;

typedef struct {
    uint32_t status;
    uint32_t error;        // slipstick_status
    uint32_t causes;       // bits of the ERRORS register
    uint32_t frames;       // written by the loader: how many frames lie in memory; 0: only self-test
    uint32_t source;       // written by the loader: address of the first; the others lie behind it
    uint32_t destination;  // written by the loader: where results go, one behind the other
    uint32_t classes;      // written by the loader: where classes go, a word each; 0: nowhere
    uint32_t cycles_low, cycles_high;  // bus clock cycles that the frames took
} mailbox_words;

extern volatile mailbox_words mailbox;

#endif
