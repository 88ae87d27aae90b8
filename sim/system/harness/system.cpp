// The Verilated system core with a memory and a processor's registers bus, behind a C interface.
//
// Built as a shared library: the C driver links it, Python loads it.
#include <memory>
#include <string>

#include "clocks.h"
#include "read_slave.h"
#include "register_master.h"
// What the C driver knows of us; it must agree with what is defined below.
#include "slipstick_sim.h"
#include "verilated.h"
#include "write_slave.h"

namespace {

constexpr unsigned RESET_CYCLES = 64;
constexpr uint64_t REGISTER_PATIENCE = 100000;
constexpr uint32_t PAGE = 4096;

class System {
public:
    System(uint64_t seed, const Profile& profile, uint32_t base, size_t bytes)
        : random_(seed), memory_(base, bytes, violations_), core_clock_(profile, random_),
          reads_(bus(profile), faults_), writes_(bus(profile), faults_),
          registers_(profile, random_, violations_) {
        context_.randReset(2);
        context_.randSeed(int(seed & 0x3fffffff) + 1);
        top_ = std::make_unique<Vsystem>(&context_, "system");
        reset();
    }
    ~System() { top_->final(); }

    void reset() {
        reads_.reset();
        writes_.reset();
        registers_.reset();
        top_->rst = 1;
        for (unsigned n = 0; n < RESET_CYCLES; ++n) cycle();
        top_->rst = 0;
    }

    void cycle() {
        top_->clk = 0;
        top_->eval();
        const uint64_t start = 2 * HALF_CYCLE * cycle_;
        core_clock_.run_until(*top_, start + HALF_CYCLE);
        if (!top_->rst) observe();
        top_->clk = 1;
        top_->eval();
        core_clock_.run_until(*top_, start + 2 * HALF_CYCLE);
        ++cycle_;
        reads_.drive(*top_);
        writes_.drive(*top_);
        registers_.drive(*top_);
    }

    int read(uint32_t offset, uint32_t* value) {
        registers_.begin_read(offset);
        if (!answered()) return -1;
        *value = registers_.answer().data;
        return int(registers_.answer().response);
    }

    int write(uint32_t offset, uint32_t value) {
        registers_.begin_write(offset, value);
        return answered() ? int(registers_.answer().response) : -1;
    }

    // Verilator renames the port: it takes its name for a word of some C++ dialect.
    bool interrupt() const { return top_->__SYM__interrupt && !faults_.lost_interrupt; }

    const char* violations() {
        writes_.check_rest();
        return violations_.text();
    }

    Memory& memory() { return memory_; }
    Faults& faults() { return faults_; }
    const ReadSlave& reads() const { return reads_; }
    const WriteSlave& writes() const { return writes_; }
    uint64_t cycles() const { return cycle_; }

private:
    Bus bus(const Profile& profile) {
        return {memory_, profile, random_, violations_, cycle_};
    }

    void observe() {
        reads_.observe(*top_);
        writes_.observe(*top_);
        registers_.observe(*top_);
    }

    bool answered() {
        registers_.drive(*top_);
        for (uint64_t n = 0; n < REGISTER_PATIENCE && registers_.busy(); ++n) cycle();
        if (!registers_.busy()) return true;
        violations_.note("the registers do not answer");
        registers_.reset();
        return false;
    }

    uint64_t cycle_ = 0;
    Violations violations_{&cycle_};
    Random random_;
    Faults faults_;
    Memory memory_;
    CoreClock core_clock_;
    VerilatedContext context_;
    std::unique_ptr<Vsystem> top_;
    ReadSlave reads_;
    WriteSlave writes_;
    RegisterMaster registers_;
};

System& system_of(void* handle) { return *static_cast<System*>(handle); }

}  // namespace

extern "C" {

// A system after reset, with `bytes` of memory from `base` on, whole pages; null if there is
// no such profile or not so much memory. `profile` is fast, random or slow.
void* sim_open(uint64_t seed, const char* profile, uint32_t base, size_t bytes) {
    const Profile* found = find_profile(profile);
    if (!found || base % PAGE || bytes % PAGE) return nullptr;
    auto system = std::make_unique<System>(seed, *found, base, bytes);
    return system->memory().is_there() ? system.release() : nullptr;
}

void sim_close(void* handle) { delete &system_of(handle); }

int sim_read(void* handle, uint32_t offset, uint32_t* value) {
    return system_of(handle).read(offset, value);
}

int sim_write(void* handle, uint32_t offset, uint32_t value) {
    return system_of(handle).write(offset, value);
}

void sim_run(void* handle, uint64_t cycles) {
    for (; cycles > 0; --cycles) system_of(handle).cycle();
}

// Runs until the interrupt is raised, at most so many cycles; whether it is.
int sim_run_until_interrupt(void* handle, uint64_t cycles) {
    System& system = system_of(handle);
    for (; cycles > 0 && !system.interrupt(); --cycles) system.cycle();
    return system.interrupt();
}

int sim_interrupt(void* handle) { return system_of(handle).interrupt(); }

uint8_t* sim_memory(void* handle, uint32_t address, size_t bytes) {
    return system_of(handle).memory().at(address, bytes);
}

uint64_t sim_cycles(void* handle) { return system_of(handle).cycles(); }

// Resets the core and the bus; memory stays as it is.
void sim_reset(void* handle) { system_of(handle).reset(); }

// The core may write these bytes, too. Until the first call it may write everywhere.
void sim_allow_writes(void* handle, uint32_t address, size_t bytes) {
    system_of(handle).memory().allow(address, bytes);
}

// Breaks the bus: the `count`-th read beat or write burst from now on for an error answer.
void sim_fault(void* handle, int fault, uint64_t count) {
    if (fault >= 0 && fault <= int(Fault::LAST))
        system_of(handle).faults().begin(Fault(fault), count);
}

// Rules broken so far, a line each.
const char* sim_violations(void* handle) { return system_of(handle).violations(); }

// Bursts and beats that the memory saw: of reads, then of writes.
void sim_traffic(void* handle, uint64_t counts[4]) {
    const System& system = system_of(handle);
    counts[0] = system.reads().bursts();
    counts[1] = system.reads().beats();
    counts[2] = system.writes().bursts();
    counts[3] = system.writes().beats();
}
}
