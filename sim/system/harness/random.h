// Repeatable on every machine, so not std::uniform_real_distribution.
#pragma once
#include <cstdint>

class Random {
public:
    explicit Random(uint64_t seed) : state_(seed * 0x9E3779B97F4A7C15ull + 1) {}

    bool chance(double probability) { return (next() >> 11) * 0x1p-53 < probability; }

    // A number from `low` to `high`, both included.
    uint64_t between(uint64_t low, uint64_t high) { return low + next() % (high - low + 1); }

private:
    uint64_t next() {
        state_ ^= state_ << 13;
        state_ ^= state_ >> 7;
        state_ ^= state_ << 17;
        return state_;
    }

    uint64_t state_;
};
