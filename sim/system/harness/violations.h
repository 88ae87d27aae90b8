// Rules that were broken, in words.
#pragma once
#include <cstdint>
#include <string>

class Violations {
public:
    void note(const std::string& what) {
        if (++count_ <= MOST) text_ += "cycle " + std::to_string(*cycle_) + ": " + what + "\n";
        if (count_ == MOST + 1) text_ += "and more\n";
    }

    explicit Violations(const uint64_t* cycle) : cycle_(cycle) {}
    const char* text() const { return text_.c_str(); }

private:
    static constexpr unsigned MOST = 20;

    const uint64_t* cycle_;
    unsigned count_ = 0;
    std::string text_;
};
