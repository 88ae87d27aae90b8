// Reads and writes the core's registers over AXI4-Lite, one at a time.
#pragma once
#include "Vsystem.h"
#include "channel.h"
#include "profile.h"

class RegisterMaster {
public:
    RegisterMaster(const Profile& profile, Random& random, Violations& violations)
        : random_(random), violations_(violations), read_answers_("R of the registers", violations),
          write_answers_("B of the registers", violations), hurries_(&profile == &FAST) {}

    void begin_read(uint32_t offset) {
        address_ = offset;
        wait_[ADDRESS] = delay();
        begin(READING);
    }

    void begin_write(uint32_t offset, uint32_t value) {
        address_ = offset;
        value_ = value;
        wait_[ADDRESS] = delay();
        wait_[DATA] = delay();
        begin(WRITING);
    }

    bool busy() const { return state_ != IDLE; }
    const Answer& answer() const { return answer_; }

    // What the next rising edge will see.
    void observe(const Vsystem& top) {
        const Answer read{top.s_axi_rdata, top.s_axi_rresp}, written{0, top.s_axi_bresp};
        const bool is_read = read_answers_.passes(top.s_axi_rvalid, top.s_axi_rready, read);
        const bool is_written = write_answers_.passes(top.s_axi_bvalid, top.s_axi_bready, written);
        // An answer may be offered from the cycle after the last thing it answers was taken.
        const bool owed = state_ != IDLE && asked_[ADDRESS] && (state_ == READING || asked_[DATA]);
        if (top.s_axi_rvalid && !(owed && state_ == READING))
            violations_.note("R of the registers answers what was not asked");
        if (top.s_axi_bvalid && !(owed && state_ == WRITING))
            violations_.note("B of the registers answers what was not asked");
        if (state_ == READING)
            asked_[ADDRESS] |= top.s_axi_arvalid && top.s_axi_arready;
        if (state_ == WRITING) {
            asked_[ADDRESS] |= top.s_axi_awvalid && top.s_axi_awready;
            asked_[DATA] |= top.s_axi_wvalid && top.s_axi_wready;
        }
        if (is_read || is_written) {
            answer_ = is_read ? read : written;
            state_ = IDLE;
        }
    }

    void drive(Vsystem& top) {
        top.s_axi_araddr = top.s_axi_awaddr = address_;
        top.s_axi_arprot = top.s_axi_awprot = 0;
        top.s_axi_wdata = value_;
        top.s_axi_wstrb = 0xF;
        top.s_axi_arvalid = state_ == READING && offers(ADDRESS);
        top.s_axi_awvalid = state_ == WRITING && offers(ADDRESS);
        top.s_axi_wvalid = state_ == WRITING && offers(DATA);
        const bool takes = state_ != IDLE && (hurries_ || random_.chance(0.5));
        top.s_axi_rready = top.s_axi_bready = takes;
    }

    void reset() {
        read_answers_.reset();
        write_answers_.reset();
        state_ = IDLE;
    }

private:
    enum State { IDLE, READING, WRITING };
    enum { ADDRESS, DATA };

    void begin(State state) {
        state_ = state;
        asked_[ADDRESS] = asked_[DATA] = false;
    }

    unsigned delay() { return hurries_ ? 0 : unsigned(random_.between(0, 3)); }

    // What is offered stays until it is taken.
    bool offers(unsigned channel) {
        if (wait_[channel] == 0) return !asked_[channel];
        --wait_[channel];
        return false;
    }

    Random& random_;
    Violations& violations_;
    Channel<Answer> read_answers_, write_answers_;
    const bool hurries_;
    State state_ = IDLE;
    uint32_t address_ = 0, value_ = 0;
    unsigned wait_[2] = {0, 0};
    bool asked_[2] = {false, false};
    Answer answer_{};
};
