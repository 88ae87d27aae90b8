// The bytes behind the bus, and which of them may be written.
#pragma once
#include <sys/mman.h>

#include <cstdio>
#include <cstring>
#include <iterator>
#include <map>

#include "violations.h"

class Memory {
public:
    Memory(uint32_t base, size_t bytes, Violations& violations)
        : base_(base), bytes_(bytes), violations_(violations) {
        // Pages of their own, which an emulator can map, and which take room only once used.
        void* pages = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        data_ = pages == MAP_FAILED ? nullptr : static_cast<uint8_t*>(pages);
    }
    ~Memory() {
        if (data_) munmap(data_, bytes_);
    }
    Memory(const Memory&) = delete;
    Memory& operator=(const Memory&) = delete;

    bool is_there() const { return data_ != nullptr; }

    // The byte at `address`; null unless `bytes` of them from there are inside.
    uint8_t* at(uint32_t address, size_t bytes) {
        const uint64_t offset = uint64_t(address) - base_;
        return address >= base_ && bytes <= bytes_ && offset <= bytes_ - bytes ? data_ + offset
                                                                              : nullptr;
    }

    // Bytes that the core may write, beside those allowed before. Until the first call, all.
    void allow(uint32_t address, uint64_t bytes) { windows_[address] = address + bytes; }

    void write(uint32_t address, uint64_t data, unsigned strobe) {
        for (unsigned byte = 0; byte < 8; ++byte) {
            if (!((strobe >> byte) & 1)) continue;
            check(address + byte);
            *at(address + byte, 1) = uint8_t(data >> (8 * byte));
        }
    }

private:
    void check(uint32_t address) {
        if (windows_.empty()) return;
        const auto after = windows_.upper_bound(address);
        if (after != windows_.begin() && address < std::prev(after)->second) return;
        char text[64];
        std::snprintf(text, sizeof text, "wrote byte 0x%08x, which is no result's", address);
        violations_.note(text);
    }

    uint32_t base_;
    size_t bytes_;
    Violations& violations_;
    uint8_t* data_;
    // Start and end of each window.
    std::map<uint64_t, uint64_t> windows_;
};
