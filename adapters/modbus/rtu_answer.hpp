#pragma once

#include "adapters/modbus/frame.hpp"

namespace adapters::modbus {

/// Finds the answer to one request among the bytes of a serial line, which come in any pieces, from any unit, behind the
/// echo of the request on lines that have one, and behind the glitch of a line driver that is switched on (up to two bytes
/// 00 or FF). Takes nothing for the answer whose unit, function, length, content or check sum is not what was asked for.
class RtuAnswer {
public:
    enum class Heard : std::uint8_t {
        unfinished,  ///< more bytes are needed
        answer,      ///< result() is the answer, or the device's exception
        foreign,     ///< a whole frame of another unit, now forgotten; take({}) looks on
        wrong        ///< result() says why this cannot be the answer; the rest of the line is void
    };
    static constexpr std::size_t largest = 256;  ///< bytes of a frame

    /// `echoes`: the line is known to bring back what is sent. Else an echo is recognised wherever it cannot be the answer:
    /// functions 5, 6 and 22 are answered by the request's own bytes.
    RtuAnswer(const Request&, bool echoes);

    Heard take(ByteView);
    const Result<Bytes>& result() const { return result_; }
    /// The request came back before the answer.
    bool echoed() const { return echoed_; }
    /// Of the last foreign frame.
    std::uint8_t foreign_unit() const { return foreign_; }
    /// Something came that is no echo.
    bool begun() const { return !got_.empty(); }
    /// Bytes that an answer, and an echo before it, can still have.
    std::size_t most_missing() const;
    /// What became of it so far, when no more will come.
    base::Error broken_off() const;

private:
    Heard wrong(std::string why);
    bool strip_echo();
    bool is_answer() const;
    void strip_glitch();
    Heard look();

    const Request request_;
    const Bytes sent_;
    const bool echoes_;
    Bytes got_;
    Result<Bytes> result_;
    bool echo_decided_ = false, echoed_ = false;
    unsigned glitches_ = 0;
    std::uint8_t foreign_ = 0;
};

/// The device answers with the bytes of the request, so that an echo looks like an answer.
bool answers_alike(Function);

}  // namespace adapters::modbus
