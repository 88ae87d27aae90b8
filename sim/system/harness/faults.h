// What is wrong with the bus.
#pragma once
#include <cstdint>

constexpr unsigned OKAY = 0, SLVERR = 2, DECERR = 3;

// As slipstick.sim.system.device.Fault names them.
enum class Fault {
    NONE,
    READ_SLVERR,
    READ_DECERR,
    WRITE_SLVERR,
    WRITE_DECERR,
    SILENT_READS,
    SILENT_WRITES,
    DEAF_ADDRESSES,
    DEAF_DATA,
    BUS_RESET,
    LOST_INTERRUPT,
    LAST = LOST_INTERRUPT,
};

// The n-th of something is answered with an error.
class FailsOnce {
public:
    void arm(unsigned response, uint64_t count) {
        response_ = response;
        left_ = count;
    }
    // The answer to the next one.
    unsigned next() { return left_ && --left_ == 0 ? response_ : OKAY; }

private:
    unsigned response_ = OKAY;
    uint64_t left_ = 0;
};

struct Faults {
    FailsOnce read_beats, write_bursts;
    bool silent_reads = false, silent_writes = false, deaf_addresses = false, deaf_data = false;
    bool bus_reset = false, lost_interrupt = false;

    void begin(Fault fault, uint64_t count) {
        switch (fault) {
        case Fault::NONE: *this = Faults(); break;
        case Fault::READ_SLVERR: read_beats.arm(SLVERR, count); break;
        case Fault::READ_DECERR: read_beats.arm(DECERR, count); break;
        case Fault::WRITE_SLVERR: write_bursts.arm(SLVERR, count); break;
        case Fault::WRITE_DECERR: write_bursts.arm(DECERR, count); break;
        case Fault::SILENT_READS: silent_reads = true; break;
        case Fault::SILENT_WRITES: silent_writes = true; break;
        case Fault::DEAF_ADDRESSES: deaf_addresses = true; break;
        case Fault::DEAF_DATA: deaf_data = true; break;
        case Fault::BUS_RESET: bus_reset = true; break;
        case Fault::LOST_INTERRUPT: lost_interrupt = true; break;
        }
    }
};
