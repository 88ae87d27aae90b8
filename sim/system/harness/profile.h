// How quick the memory is, and when each of its channels is ready.
#pragma once
#include <string>

#include "random.h"

struct Profile {
    // Shares of cycles in which a channel moves; it takes another of them every PHASE cycles.
    double paces[4];
    // Cycles from a burst's address to its first answer.
    uint64_t least_latency, most_latency;
    unsigned most_outstanding;
    // Whether addresses and data of writes wait for each other, drawn for each burst.
    bool waits;
};

constexpr Profile FAST = {{1, 1, 1, 1}, 20, 20, 8, false};
constexpr Profile RANDOM = {{1, 0.7, 0.3, 0.05}, 0, 120, 8, true};
constexpr Profile SLOW = {{0.03, 0.03, 0.03, 0.03}, 300, 600, 1, true};

inline const Profile* find_profile(const std::string& name) {
    return name == "fast" ? &FAST : name == "random" ? &RANDOM : name == "slow" ? &SLOW : nullptr;
}

// Whether one channel moves in this cycle, asked once a cycle.
class Pace {
public:
    Pace(const Profile& profile, Random& random) : profile_(profile), random_(random) {}

    bool moves() {
        if (left_-- == 0) {
            left_ = PHASE;
            pace_ = profile_.paces[random_.between(0, 3)];
        }
        return pace_ >= 1 || random_.chance(pace_);
    }

private:
    static constexpr unsigned PHASE = 400;

    const Profile& profile_;
    Random& random_;
    double pace_ = 1;
    unsigned left_ = 0;
};
