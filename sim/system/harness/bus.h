// What both halves of the memory's bus share.
#pragma once
#include "Vsystem.h"
#include "channel.h"
#include "faults.h"
#include "memory.h"
#include "profile.h"

struct Bus {
    Memory& memory;
    const Profile& profile;
    Random& random;
    Violations& violations;
    const uint64_t& cycle;

    // Cycle of the first answer to a burst whose address passed now.
    uint64_t due() const {
        return cycle + random.between(profile.least_latency, profile.most_latency);
    }
};
