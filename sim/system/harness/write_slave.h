// Takes the core's writes: addresses and data in any order, answers in order.
#pragma once
#include <deque>
#include <vector>

#include "bus.h"

class WriteSlave {
public:
    WriteSlave(Bus bus, Faults& faults)
        : bus_(bus), faults_(faults), addresses_("AW", bus.violations),
          data_("W", bus.violations), address_pace_(bus.profile, bus.random),
          data_pace_(bus.profile, bus.random), answer_pace_(bus.profile, bus.random) {}

    // What the next rising edge will see.
    void observe(const Vsystem& top) {
        if (faults_.bus_reset) return;
        const Address asked{top.m_axi_awaddr, top.m_axi_awid,    top.m_axi_awlen,
                            top.m_axi_awsize, top.m_axi_awburst, top.m_axi_awcache,
                            top.m_axi_awprot};
        if (addresses_.passes(top.m_axi_awvalid, top.m_axi_awready, asked)) {
            check_burst("AW", asked, bus_.violations);
            asked_.push_back({asked, bus_.due()});
            ++bursts_;
        }
        const Data beat{top.m_axi_wdata, top.m_axi_wstrb, bool(top.m_axi_wlast)};
        if (data_.passes(top.m_axi_wvalid, top.m_axi_wready, beat)) {
            beats_.push_back(beat);
            ++beat_count_;
            if (beat.last) end_of_data();
        }
        if (answering_ && top.m_axi_bready) {
            asked_.pop_front();
            --matched_;
            ++finished_;
            answering_ = false;
        }
        match();
    }

    void drive(Vsystem& top) {
        if (faults_.bus_reset) reset();
        const bool full = asked_.size() >= bus_.profile.most_outstanding;
        top.m_axi_awready = address_pace_.moves() && !faults_.deaf_addresses &&
                            !faults_.bus_reset && !full &&
                            !(order_ == DATA_FIRST && taken() >= ended_);
        top.m_axi_wready = data_pace_.moves() && !faults_.deaf_data && !faults_.bus_reset &&
                           !(order_ == ADDRESS_FIRST && taken() <= ended_);
        if (!answering_) answer(top);
        top.m_axi_bvalid = answering_;
    }

    void reset() {
        asked_.clear();
        beats_.clear();
        addresses_.reset();
        data_.reset();
        matched_ = 0;
        ended_ = finished_ = 0;
        answering_ = false;
    }

    // Data that no address belongs to; to be asked when the core is at rest.
    void check_rest() {
        if (matched_ == asked_.size() && !beats_.empty())
            bus_.violations.note("W moved a beat that belongs to no burst");
    }

    uint64_t bursts() const { return bursts_; }
    uint64_t beats() const { return beat_count_; }

private:
    // What a slave may do: take either first, or whatever comes.
    enum Order { ANY, ADDRESS_FIRST, DATA_FIRST };

    struct Asked {
        Address burst;
        uint64_t due;
        std::vector<Data> beats;
    };

    // Bursts since reset whose address was taken.
    uint64_t taken() const { return finished_ + asked_.size(); }

    void end_of_data() {
        ++ended_;
        if (bus_.profile.waits) order_ = Order(bus_.random.between(ANY, DATA_FIRST));
    }

    // Gives beats to the oldest burst that lacks some.
    void match() {
        for (; !beats_.empty() && matched_ < asked_.size(); beats_.pop_front()) {
            Asked& burst = asked_[matched_];
            burst.beats.push_back(beats_.front());
            const bool is_last = burst.beats.size() == burst.burst.words();
            if (beats_.front().last != is_last)
                bus_.violations.note("W does not mark the last beat of its burst as last");
            if (is_last) ++matched_;
        }
    }

    void answer(Vsystem& top) {
        const bool moves = answer_pace_.moves();
        if (!moves || matched_ == 0 || asked_.front().due > bus_.cycle || faults_.silent_writes)
            return;
        top.m_axi_bresp = store(asked_.front());
        top.m_axi_bid = 0;
        answering_ = true;
    }

    // Memory changes as late as it may: with the answer.
    unsigned store(const Asked& asked) {
        const unsigned response = faults_.write_bursts.next();
        const uint32_t start = asked.burst.address;
        if (bus_.memory.at(start, 8 * asked.beats.size()) == nullptr) return DECERR;
        if (response != OKAY) return response;
        for (size_t n = 0; n < asked.beats.size(); ++n)
            bus_.memory.write(start + 8 * n, asked.beats[n].data, asked.beats[n].strobe);
        return OKAY;
    }

    Bus bus_;
    Faults& faults_;
    Channel<Address> addresses_;
    Channel<Data> data_;
    Pace address_pace_, data_pace_, answer_pace_;
    Order order_ = ANY;
    std::deque<Asked> asked_;
    std::deque<Data> beats_;
    // Bursts at the front of asked_ that have all their data.
    size_t matched_ = 0;
    // Bursts since reset: those whose data ended, those that were answered.
    uint64_t ended_ = 0, finished_ = 0;
    uint64_t bursts_ = 0, beat_count_ = 0;
    bool answering_ = false;
};
