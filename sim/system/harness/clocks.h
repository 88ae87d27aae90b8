// The core's own clock beside the bus clock, where the system has one.
#pragma once
#include <utility>

#include "Vsystem.h"
#include "profile.h"

// Picoseconds of half a bus cycle; only ratios matter.
constexpr uint64_t HALF_CYCLE = 4000;

// Systems with one clock have no port for another.
template <class Top>
auto drive_core_clock(Top& top, bool high, int) -> decltype(void(top.core_clk = high)) {
    top.core_clk = high;
}
template <class Top>
void drive_core_clock(Top&, bool, long) {}

template <class Top>
constexpr auto has_core_clock(int) -> decltype(std::declval<Top>().core_clk, true) {
    return true;
}
template <class Top>
constexpr bool has_core_clock(long) {
    return false;
}

class CoreClock {
public:
    // As fast as the bus clock for a fast memory, else of any ratio from a quarter to four.
    CoreClock(const Profile& profile, Random& random)
        : half_(&profile == &FAST ? HALF_CYCLE
                                  : random.between(HALF_CYCLE / 4, HALF_CYCLE * 4)),
          // Both clocks' edges never meet when they are equally fast.
          next_(half_ / 2) {}

    // Runs all edges up to `time`.
    void run_until(Vsystem& top, uint64_t time) {
        if (!has_core_clock<Vsystem>(0)) return;
        for (; next_ <= time; next_ += half_) {
            high_ = !high_;
            drive_core_clock(top, high_, 0);
            top.eval();
        }
    }

private:
    uint64_t half_, next_;
    bool high_ = false;
};
