// A Verilated slipstick_ecp5 and the host's end of its serial line, DIVISOR cycles a bit.
#include <cstdint>
#include <deque>

#include "Vline.h"
#include "verilated.h"

namespace {

constexpr int kFrameBits = 10;

struct Line {
    VerilatedContext context;
    Vline board{&context};
    std::deque<uint16_t> to_send, came;
    int divisor;
    uint32_t sending = 0, receiving = 0;
    int bits_left = 0, bit_cycles = 0, received = -1, wait = 0;

    explicit Line(int cycles) : divisor(cycles) {
        board.rx = 1;
        board.oscillator = 0;
        board.eval();
    }

    void drive() {
        if (bits_left == 0 && !to_send.empty()) {
            const uint16_t byte = to_send.front();
            to_send.pop_front();
            // Bit 8 takes the stop bit away.
            sending = (byte & 0xFFu) << 1 | (byte & 0x100u ? 0u : 0x200u);
            bits_left = kFrameBits;
            bit_cycles = divisor;
        }
        board.rx = bits_left ? sending & 1 : 1;
        if (bits_left && --bit_cycles == 0) {
            sending >>= 1;
            --bits_left;
            bit_cycles = divisor;
        }
    }

    void sample() {
        if (received < 0) {
            if (!board.tx) {
                received = 0;
                receiving = 0;
                wait = divisor + divisor / 2;
            }
        } else if (--wait == 0) {
            receiving |= static_cast<uint32_t>(board.tx) << received;
            wait = divisor;
            if (++received == 9) {
                // Bit 8 says that the stop bit was there.
                came.push_back(static_cast<uint16_t>(receiving));
                received = -1;
            }
        }
    }

    void cycle() {
        drive();
        board.oscillator = 1;
        board.eval();
        context.timeInc(1);
        sample();
        board.oscillator = 0;
        board.eval();
        context.timeInc(1);
    }
};

}  // namespace

extern "C" {

void* line_make(int divisor) { return new Line(divisor); }

void line_free(void* line) { delete static_cast<Line*>(line); }

void line_send(void* line, int byte) {
    static_cast<Line*>(line)->to_send.push_back(static_cast<uint16_t>(byte));
}

int line_sending(void* line) { return !static_cast<Line*>(line)->to_send.empty(); }

void line_run(void* line, int cycles) {
    for (int n = 0; n < cycles; ++n) static_cast<Line*>(line)->cycle();
}

int line_take(void* line) {
    auto& came = static_cast<Line*>(line)->came;
    if (came.empty()) return -1;
    const int byte = came.front();
    came.pop_front();
    return byte;
}
}
