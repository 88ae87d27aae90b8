// Drives frames through a Verilated network and compares every beat of every stream with the
// golden model, without Python in the loop.
//
// stdin: a record a frame: its input beats, then the expected beats of every probe (uint32 words).
// stdout: lines "progress FRAMES", then one line of JSON.
// Exit code 0 whenever the JSON was printed, whatever it says.
#include <chrono>
#include <cstdlib>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "probes.h"
#include "verilated.h"
#if VM_TRACE
#include "verilated_vcd_c.h"
#endif

namespace {

using Record = std::vector<uint32_t>;

constexpr unsigned RESET_CYCLES = 8;
constexpr unsigned OUTPUT = PROBES - 1;

struct Options {
    uint64_t frames, patience, drain, seed;
    double idle, stall, half_period_ps;
    std::string outputs, waves;
};

// Traffic must be repeatable on every machine, so not std::uniform_real_distribution.
class Random {
public:
    explicit Random(uint64_t seed) : state_(seed * 0x9E3779B97F4A7C15ull + 1) {}
    bool chance(double probability) {
        state_ ^= state_ << 13;
        state_ ^= state_ >> 7;
        state_ ^= state_ << 17;
        return (state_ >> 11) * 0x1p-53 < probability;
    }

private:
    uint64_t state_;
};

size_t record_words() {
    size_t words = size_t(INPUT_BEATS) * INPUT_WORDS;
    for (const Geometry& geometry : GEOMETRY) words += size_t(geometry.beats) * geometry.words;
    return words;
}

// The frames that are under way: read when the input first needs them, dropped when every
// stream is past them.
class Frames {
public:
    explicit Frames(uint64_t total) : total_(total) {}

    const uint32_t* find(uint64_t frame) const {
        return frame < first_ + records_.size() && frame >= first_
                   ? records_[frame - first_].data()
                   : nullptr;
    }

    // The record of `frame`, the next to be read; null after the last.
    const uint32_t* fetch(uint64_t frame) {
        if (frame >= total_) return nullptr;
        Record record(record_words());
        if (std::fread(record.data(), sizeof(uint32_t), record.size(), stdin) != record.size()) {
            std::fprintf(stderr, "frame %llu is missing on stdin\n", (unsigned long long)frame);
            std::exit(3);
        }
        records_.push_back(std::move(record));
        return records_.back().data();
    }

    void drop_before(uint64_t frame) {
        for (; first_ < frame && !records_.empty(); ++first_) records_.pop_front();
    }

private:
    uint64_t total_, first_ = 0;
    std::deque<Record> records_;
};

class Harness {
public:
    explicit Harness(const Options& options)
        : options_(options), frames_(options.frames), random_(options.seed) {
        context_.randReset(2);
        context_.randSeed(int(options.seed & 0x3fffffff) + 1);
        context_.traceEverOn(!options.waves.empty());
        top_ = std::make_unique<Vslipstick_bench>(&context_);
        open_waves();
        size_t offset = size_t(INPUT_BEATS) * INPUT_WORDS;
        for (unsigned n = 0; n < PROBES; ++n) {
            probes_.emplace_back(GEOMETRY[n], payload(*top_, n), offset, options.frames);
            offset += size_t(GEOMETRY[n].beats) * GEOMETRY[n].words;
        }
        if (!options.outputs.empty()) outputs_ = std::fopen(options.outputs.c_str(), "wb");
    }

    void run() {
        reset();
        next_frame();
        while (unfinished_ && !deadlocked_) {
            drive();
            clock();
            observe();
        }
        // Whatever still comes now is too much.
        for (uint64_t n = 0; n < options_.drain && !deadlocked_; ++n) {
            top_->i_valid = 0;
            top_->o_ready = 1;
            clock();
            observe();
        }
        finish();
    }

private:
    void open_waves() {
#if VM_TRACE
        if (options_.waves.empty()) return;
        waves_ = std::make_unique<VerilatedVcdC>();
        top_->trace(waves_.get(), 99);
        waves_->open(options_.waves.c_str());
#endif
    }

    void half_cycle(bool high) {
        top_->clk = high;
        top_->eval();
#if VM_TRACE
        if (waves_) waves_->dump(uint64_t((cycle_ * 2 + high) * options_.half_period_ps));
#endif
    }

    void clock() {
        half_cycle(false);
        half_cycle(true);
        ++cycle_;
    }

    void reset() {
        top_->rst = 1;
        top_->i_valid = 0;
        top_->i_last = 0;
        top_->o_ready = 0;
        for (unsigned n = 0; n < RESET_CYCLES; ++n) clock();
        top_->rst = 0;
    }

    void next_frame() {
        input_ = frames_.fetch(input_frame_++);
        beat_ = 0;
    }

    void drive() {
        // An offered beat stays until it is taken.
        if (!offered_ && input_) offered_ = !(options_.idle > 0 && random_.chance(options_.idle));
        top_->i_valid = offered_;
        if (offered_) {
            std::copy_n(input_ + size_t(beat_) * INPUT_WORDS, INPUT_WORDS, top_->i_data.data());
            top_->i_last = beat_ + 1 == INPUT_BEATS;
        }
        top_->o_ready = !(options_.stall > 0 && random_.chance(options_.stall));
    }

    void observe() {
        bool moved = top_->i_taken;
        if (moved) take();
        for (unsigned base = 0; base < PROBES; base += 32) {
            for (uint32_t bits = top_->passed[base / 32]; bits; bits &= bits - 1) {
                pass(base + unsigned(__builtin_ctz(bits)));
                moved = true;
            }
        }
        silent_ = moved ? 0 : silent_ + 1;
        if (unfinished_ && silent_ > options_.patience) deadlocked_ = true;
    }

    void take() {
        if (input_frame_ == 1 && beat_ == 0) first_input_ = cycle_;
        offered_ = false;
        if (++beat_ == INPUT_BEATS) next_frame();
    }

    void pass(unsigned number) {
        Probe& probe = probes_[number];
        const uint32_t* record = probe.done() ? nullptr : frames_.find(probe.frame());
        if (number == OUTPUT && record) note_output(probe);
        if (!probe.pass(record, cycle_)) return;
        if (probe.done()) --unfinished_;
        if (number == OUTPUT) end_of_frame();
    }

    void note_output(const Probe& probe) {
        if (bool(top_->o_last) != probe.at_last_beat()) ++wrong_lasts_;
        if (outputs_)
            std::fwrite(probe.payload(), sizeof(uint32_t), probe.geometry().words, outputs_);
    }

    void end_of_frame() {
        uint64_t slowest = options_.frames;
        for (const Probe& probe : probes_) slowest = std::min(slowest, probe.frame());
        // The input's record is still read from.
        frames_.drop_before(std::min(slowest, input_frame_ - 1));
        const auto now = std::chrono::steady_clock::now();
        if (now - reported_ < std::chrono::milliseconds(200)) return;
        reported_ = now;
        std::printf("progress %llu\n", (unsigned long long)probes_[OUTPUT].frame());
        std::fflush(stdout);
    }

    void finish() {
        if (outputs_) std::fclose(outputs_);
#if VM_TRACE
        if (waves_) waves_->close();
#endif
        std::printf("{\"cycles\":%llu,\"first_input\":%llu,\"deadlocked\":%s,\"wrong_lasts\":%llu,"
                    "\"error_short\":%s,\"error_long\":%s,\"probes\":[",
                    (unsigned long long)cycle_, (unsigned long long)first_input_,
                    deadlocked_ ? "true" : "false", (unsigned long long)wrong_lasts_,
                    top_->error_short ? "true" : "false", top_->error_long ? "true" : "false");
        for (unsigned n = 0; n < PROBES; ++n) {
            if (n) std::printf(",");
            probes_[n].print(stdout, (top_->broken[n / 32] >> (n % 32)) & 1);
        }
        std::printf("]}\n");
        std::fflush(stdout);
        top_->final();
    }

    Options options_;
    VerilatedContext context_;
    std::unique_ptr<Vslipstick_bench> top_;
#if VM_TRACE
    std::unique_ptr<VerilatedVcdC> waves_;
#endif
    Frames frames_;
    Random random_;
    std::vector<Probe> probes_;
    FILE* outputs_ = nullptr;
    const uint32_t* input_ = nullptr;
    unsigned beat_ = 0, unfinished_ = PROBES;
    uint64_t input_frame_ = 0, cycle_ = 0, first_input_ = 0, silent_ = 0, wrong_lasts_ = 0;
    bool offered_ = false, deadlocked_ = false;
    std::chrono::steady_clock::time_point reported_{};
};

}  // namespace

int main(int argc, char** argv) {
    if (argc != 10) {
        std::fprintf(stderr,
                     "arguments: frames patience drain seed idle stall half_period_ps outputs waves\n");
        return 2;
    }
    const auto number = [&](int n) { return std::strtoull(argv[n], nullptr, 10); };
    const auto real = [&](int n) { return std::strtod(argv[n], nullptr); };
    const Options options{number(1), number(2), number(3), number(4), real(5),
                          real(6),   real(7),   argv[8],   argv[9]};
    Harness(options).run();
    return 0;
}
