#include "adapters/modbus/rtu_answer.hpp"

#include <algorithm>

namespace adapters::modbus {

using base::Errc;
using base::fail;

namespace {

constexpr unsigned most_glitches = 2;
constexpr std::size_t check_sum = 2;

bool sum_is_right(ByteView frame) {
    const std::uint16_t sum = crc16(frame.first(frame.size() - check_sum));
    return frame[frame.size() - 2] == (sum & 0xFF) && frame[frame.size() - 1] == sum >> 8;
}

}  // namespace

bool answers_alike(Function function) {
    return function == Function::write_coil || function == Function::write_register || function == Function::mask_write;
}

RtuAnswer::RtuAnswer(const Request& request, bool echoes)
    : request_(request), sent_(rtu_adu(request)), echoes_(echoes), result_(fail(Errc::timeout, "no answer")) {}

std::size_t RtuAnswer::most_missing() const {
    const std::size_t whole = most_answer(request_) + 1 + check_sum + most_glitches;
    return whole > got_.size() ? whole - got_.size() : 1;
}

base::Error RtuAnswer::broken_off() const {
    if (got_.empty()) return {Errc::timeout, "no answer"};
    return {Errc::malformed, fmt::format("the answer broke off after {} byte{}", got_.size(), got_.size() == 1 ? "" : "s")};
}

RtuAnswer::Heard RtuAnswer::wrong(std::string why) {
    got_.clear();
    result_ = fail(Errc::malformed, std::move(why));
    return Heard::wrong;
}

RtuAnswer::Heard RtuAnswer::take(ByteView bytes) {
    if (got_.size() + bytes.size() > sent_.size() + most_glitches + largest) return wrong("more bytes than a frame has");
    got_.insert(got_.end(), bytes.begin(), bytes.end());
    if (!strip_echo()) return Heard::unfinished;
    strip_glitch();
    return look();
}

/// False: what is there may become an echo.
bool RtuAnswer::strip_echo() {
    if (echo_decided_) return true;
    const std::size_t common = std::min(got_.size(), sent_.size());
    if (!std::equal(got_.begin(), got_.begin() + static_cast<std::ptrdiff_t>(common), sent_.begin())) {
        echo_decided_ = true;  // the line has none, or it was garbled and the frame is no good anyway
        return true;
    }
    if (!echoes_ && is_answer()) {
        echo_decided_ = true;
        return true;
    }
    if (common < sent_.size()) return false;
    got_.erase(got_.begin(), got_.begin() + static_cast<std::ptrdiff_t>(sent_.size()));
    echo_decided_ = echoed_ = true;
    return true;
}

bool RtuAnswer::is_answer() const {
    const auto size = rtu_answer_size(request_, got_);
    if (!size || *size == 0 || got_.size() < *size) return false;
    const ByteView frame = ByteView(got_).first(*size);
    return sum_is_right(frame) && check_rtu_answer(request_, frame).belongs;
}

void RtuAnswer::strip_glitch() {
    while (glitches_ < most_glitches && !got_.empty() && got_[0] != request_.unit && (got_[0] == 0 || got_[0] == 0xFF)) {
        got_.erase(got_.begin());
        ++glitches_;
    }
}

RtuAnswer::Heard RtuAnswer::look() {
    if (got_.empty()) return Heard::unfinished;
    const auto size = rtu_answer_size(request_, got_);
    if (!size) return wrong(size.error().message);
    if (*size == 0 || got_.size() < *size) return Heard::unfinished;
    const ByteView frame = ByteView(got_).first(*size);
    if (!sum_is_right(frame)) return wrong("the answer's check sum is wrong");
    if (frame[0] != request_.unit) {
        foreign_ = frame[0];
        result_ = fail(Errc::malformed, fmt::format("unit {} answered, asked was {}", foreign_, request_.unit));
        got_.erase(got_.begin(), got_.begin() + static_cast<std::ptrdiff_t>(*size));
        return Heard::foreign;
    }
    const Verdict verdict = check_rtu_answer(request_, frame);
    if (!verdict.belongs) return wrong(verdict.data ? "an answer to something else" : verdict.data.error().message);
    result_ = verdict.data.map([](ByteView data) { return Bytes(data.begin(), data.end()); });
    return Heard::answer;
}

}  // namespace adapters::modbus
