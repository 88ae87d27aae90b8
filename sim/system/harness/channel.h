// The rules of one AXI channel that the core drives.
#pragma once
#include <string>

#include "violations.h"

// An address beat.
struct Address {
    uint32_t address;
    unsigned id, len, size, burst, cache, prot;

    bool operator==(const Address& other) const {
        return address == other.address && id == other.id && len == other.len &&
               size == other.size && burst == other.burst && cache == other.cache &&
               prot == other.prot;
    }
    unsigned words() const { return len + 1; }
};

// A beat of data to write.
struct Data {
    uint64_t data;
    unsigned strobe;
    bool last;

    bool operator==(const Data& other) const {
        return data == other.data && strobe == other.strobe && last == other.last;
    }
};

// An answer on the register bus.
struct Answer {
    uint32_t data;
    unsigned response;

    bool operator==(const Answer& other) const {
        return data == other.data && response == other.response;
    }
};

template <class Payload>
class Channel {
public:
    Channel(const char* name, Violations& violations) : name_(name), violations_(violations) {}

    // Looks at one cycle; true if a beat passed in it.
    bool passes(bool valid, bool ready, const Payload& payload) {
        if (waiting_ && !valid)
            violations_.note(name_ + " withdrew a beat before it was taken");
        else if (waiting_ && !(payload == held_))
            violations_.note(name_ + " changed a beat before it was taken");
        waiting_ = valid && !ready;
        held_ = payload;
        return valid && ready;
    }

    void reset() { waiting_ = false; }

private:
    std::string name_;
    Violations& violations_;
    bool waiting_ = false;
    Payload held_{};
};

// The rules of a burst: docs/system.md, and that none crosses 4 KiB.
inline void check_burst(const std::string& name, const Address& asked, Violations& violations) {
    const auto rule = [&](bool kept, const char* text) {
        if (!kept) violations.note(name + " " + text);
    };
    rule(asked.id == 0, "has an ID that is not 0");
    rule(asked.size == 3, "does not move 8 bytes a beat");
    rule(asked.burst == 1, "is no INCR burst");
    rule(asked.len <= 15, "is longer than 16 beats");
    rule(asked.address % 8 == 0, "does not begin at a word");
    rule(asked.address % 4096 + 8 * asked.words() <= 4096, "crosses 4 KiB");
}
