// Answers the core's reads: in order, each burst after its latency.
#pragma once
#include <deque>

#include "bus.h"

class ReadSlave {
public:
    ReadSlave(Bus bus, Faults& faults)
        : bus_(bus), faults_(faults), channel_("AR", bus.violations),
          address_pace_(bus.profile, bus.random), data_pace_(bus.profile, bus.random) {}

    // What the next rising edge will see.
    void observe(const Vsystem& top) {
        if (faults_.bus_reset) return;
        const Address asked{top.m_axi_araddr, top.m_axi_arid,    top.m_axi_arlen,
                            top.m_axi_arsize, top.m_axi_arburst, top.m_axi_arcache,
                            top.m_axi_arprot};
        if (channel_.passes(top.m_axi_arvalid, top.m_axi_arready, asked)) {
            check_burst("AR", asked, bus_.violations);
            pending_.push_back({asked.address, asked.words(), bus_.due()});
            ++bursts_;
        }
        if (offered_ && top.m_axi_rready) pass();
    }

    void drive(Vsystem& top) {
        if (faults_.bus_reset) reset();
        top.m_axi_arready = address_pace_.moves() && !faults_.deaf_addresses &&
                            !faults_.bus_reset &&
                            pending_.size() < bus_.profile.most_outstanding;
        if (!offered_) offer(top);
        top.m_axi_rvalid = offered_;
    }

    void reset() {
        pending_.clear();
        channel_.reset();
        offered_ = false;
    }

    uint64_t bursts() const { return bursts_; }
    uint64_t beats() const { return beats_; }

private:
    struct Pending {
        uint32_t address;
        unsigned words;
        uint64_t due;
    };

    void pass() {
        offered_ = false;
        ++beats_;
        Pending& burst = pending_.front();
        burst.address += 8;
        if (--burst.words == 0) pending_.pop_front();
    }

    void offer(Vsystem& top) {
        // The pace is asked in every cycle, so that what is random does not hang on what happens.
        const bool moves = data_pace_.moves();
        if (!moves || pending_.empty() || pending_.front().due > bus_.cycle ||
            faults_.silent_reads)
            return;
        const Pending& burst = pending_.front();
        const uint8_t* word = bus_.memory.at(burst.address, 8);
        const unsigned response = faults_.read_beats.next();
        top.m_axi_rresp = word ? response : DECERR;
        top.m_axi_rid = 0;
        top.m_axi_rlast = burst.words == 1;
        // A beat with an error carries what nobody may rely on.
        uint64_t data = 0xDEADDEADDEADDEADull;
        if (word && response == OKAY) std::memcpy(&data, word, 8);
        top.m_axi_rdata = data;
        offered_ = true;
    }

    Bus bus_;
    Faults& faults_;
    Channel<Address> channel_;
    Pace address_pace_, data_pace_;
    std::deque<Pending> pending_;
    uint64_t bursts_ = 0, beats_ = 0;
    bool offered_ = false;
};
