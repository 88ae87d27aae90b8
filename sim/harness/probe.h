// Compares one stream with the golden model, beat by beat.
#pragma once
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <vector>

// Of one stream: beats a frame, 32-bit words a beat, lanes a beat, bits a lane.
struct Geometry {
    unsigned beats, words, lanes, width;
};

class Probe {
public:
    Probe(const Geometry& geometry, const uint32_t* payload, size_t offset, uint64_t frames)
        : geometry_(geometry), payload_(payload), offset_(offset), frames_(frames) {}

    // A beat passed at `cycle`; `record` is the frame's golden record, null if there is none.
    // True when it completes a frame.
    bool pass(const uint32_t* record, uint64_t cycle) {
        if (record == nullptr) {
            if (surplus_++ == 0 && mismatches_ == 0) note(nullptr);
            return false;
        }
        const uint32_t* expected = record + offset_ + size_t(beat_) * geometry_.words;
        if (!std::equal(expected, expected + geometry_.words, payload_)) differ(expected);
        if (++beat_ < geometry_.beats) return false;
        if (frame_ == 0) first_ = cycle;
        if (frame_ == middle_frame()) middle_ = cycle;
        last_ = cycle;
        beat_ = 0;
        ++frame_;
        return true;
    }

    uint64_t frame() const { return frame_; }
    bool done() const { return frame_ == frames_; }
    bool at_last_beat() const { return beat_ + 1 == geometry_.beats; }
    const uint32_t* payload() const { return payload_; }
    const Geometry& geometry() const { return geometry_; }

    void print(FILE* out, bool broken) const {
        std::fprintf(out,
                     "{\"mismatches\":%llu,\"surplus\":%llu,\"broken\":%s,\"frame\":%llu,"
                     "\"beat\":%u,\"first\":%llu,\"middle\":%llu,\"last\":%llu,\"record\":",
                     ull(mismatches_), ull(surplus_), broken ? "true" : "false", ull(frame_),
                     beat_, ull(first_), ull(middle_), ull(last_));
        if (got_.empty()) {
            std::fprintf(out, "null}");
            return;
        }
        std::fprintf(out, "{\"frame\":%llu,\"beat\":%u,\"got\":", ull(noted_frame_), noted_beat_);
        print_words(out, got_);
        std::fprintf(out, ",\"expected\":");
        print_words(out, expected_);
        std::fprintf(out, "}}");
    }

private:
    static unsigned long long ull(uint64_t value) { return value; }

    // The interval is measured over the second half of the frames, when the FIFOs have filled.
    uint64_t middle_frame() const { return (frames_ - 1) / 2; }

    void differ(const uint32_t* expected) {
        if (got_.empty()) note(expected);
        for (unsigned lane = 0; lane < geometry_.lanes; ++lane)
            mismatches_ += lane_differs(expected, lane);
    }

    bool lane_differs(const uint32_t* expected, unsigned lane) const {
        const unsigned end = (lane + 1) * geometry_.width;
        for (unsigned bit = lane * geometry_.width; bit < end; ++bit)
            if (((expected[bit / 32] ^ payload_[bit / 32]) >> (bit % 32)) & 1) return true;
        return false;
    }

    void note(const uint32_t* expected) {
        noted_frame_ = frame_;
        noted_beat_ = beat_;
        got_.assign(payload_, payload_ + geometry_.words);
        if (expected) expected_.assign(expected, expected + geometry_.words);
    }

    // One hexadecimal number, highest word first; null if there are none.
    static void print_words(FILE* out, const std::vector<uint32_t>& words) {
        if (words.empty()) {
            std::fprintf(out, "null");
            return;
        }
        std::fprintf(out, "\"");
        for (auto word = words.rbegin(); word != words.rend(); ++word)
            std::fprintf(out, "%08x", *word);
        std::fprintf(out, "\"");
    }

    Geometry geometry_;
    const uint32_t* payload_;
    size_t offset_;
    uint64_t frames_;
    uint64_t frame_ = 0, mismatches_ = 0, surplus_ = 0, first_ = 0, middle_ = 0, last_ = 0;
    unsigned beat_ = 0;
    uint64_t noted_frame_ = 0;
    unsigned noted_beat_ = 0;
    std::vector<uint32_t> got_, expected_;
};
