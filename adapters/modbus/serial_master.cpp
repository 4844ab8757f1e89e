#include "adapters/modbus/serial_master.hpp"

#include <poll.h>
#include <unistd.h>
#include <cerrno>
#include <cstring>

namespace adapters::modbus {

using base::ByteView;
using base::Errc;
using base::fail;
using base::Milliseconds;

namespace {

using namespace std::chrono_literals;

// What a frame that has begun may be late by: USB adapters hand bytes over in lumps, every 16 ms and more.
constexpr auto lump = 100ms;
constexpr auto broadcast_delay = 100ms;  // serial line 1.02, 2.4.1: 100 to 200 ms
constexpr std::size_t most_notes = 8;

}  // namespace

SerialMaster::SerialMaster(SerialLine line, int wake, SerialPort::Ioctl ioctl)
    : port_(std::move(line), std::move(ioctl)), wake_(wake) {}

std::chrono::microseconds SerialMaster::time_of(std::size_t characters) const {
    return std::chrono::microseconds(static_cast<std::int64_t>(static_cast<double>(characters) * port_.line().character_us()));
}

/// Of the line's other end nothing is known any more.
void SerialMaster::forget() {
    echo_ = Echo::not_known;
    last_byte_ = Clock::now();
}

Result<void> SerialMaster::open() {
    forget();
    auto opened = port_.open();
    for (const auto& note : port_.notes())
        if (notes_.size() < most_notes) notes_.push_back(note);
    return opened;
}

Result<void> SerialMaster::set_format(const SerialLine& line) {
    if (line.baud == port_.line().baud && line.parity == port_.line().parity && line.stop_bits == port_.line().stop_bits)
        return {};
    port_.set_format(line);
    if (!is_open()) return {};
    const Echo echo = echo_;
    last_byte_ = Clock::now();
    auto opened = port_.open();
    echo_ = echo;
    return opened;
}

tl::unexpected<base::Error> SerialMaster::gone(const std::string& why) {
    close();
    return fail(Errc::offline, fmt::format("{} is gone: {}", port_.line().device, why));
}

SerialMaster::Waited SerialMaster::wait_until(Clock::time_point when, bool for_bytes) {
    for (;;) {
        pollfd watched[2] = {{wake_, POLLIN, 0}, {port_.descriptor(), static_cast<short>(for_bytes ? POLLIN : 0), 0}};
        timespec left{};
        if (when != Clock::time_point::max()) {
            const auto rest = std::max<std::chrono::nanoseconds>(when - Clock::now(), 0ns);
            left.tv_sec = static_cast<time_t>(rest.count() / 1'000'000'000);
            left.tv_nsec = static_cast<long>(rest.count() % 1'000'000'000);
        }
        const int ready = ::ppoll(watched, 2, when == Clock::time_point::max() ? nullptr : &left, nullptr);
        if (ready < 0 && errno == EINTR) continue;
        if (ready == 0) return Waited::nothing;
        if ((watched[1].revents & (POLLERR | POLLHUP | POLLNVAL)) != 0) return Waited::gone;
        if ((watched[0].revents & POLLIN) != 0) return Waited::woken;
        return Waited::bytes;
    }
}

bool SerialMaster::idle() {
    if (wait_until(Clock::time_point::max(), false) != Waited::gone) return true;
    close();
    return false;
}

/// Throws away what nobody asked for until the line was silent for 3.5 characters.
Result<void> SerialMaster::quiet(Milliseconds patience) {
    const auto give_up = Clock::now() + patience;
    for (;;) {
        switch (wait_until(last_byte_ + port_.line().silence(), true)) {
            case Waited::nothing: return {};
            case Waited::woken: return fail(Errc::offline, "the link is being closed");
            case Waited::gone: return gone("it was unplugged");
            case Waited::bytes: break;
        }
        std::array<std::uint8_t, 256> noise;
        const auto count = ::read(port_.descriptor(), noise.data(), noise.size());
        if (count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR))
            return gone(count == 0 ? "it was unplugged" : std::strerror(errno));
        last_byte_ = std::max(last_byte_, Clock::now());
        if (Clock::now() > give_up)
            return fail(Errc::malformed, "the line is never silent: is there another master, or no termination?");
    }
}

Result<Bytes> SerialMaster::exchange(const Request& request, Milliseconds timeout, const Tap& tap) {
    turnaround_.reset();
    if (!is_open()) return fail(Errc::offline, "not open");
    if (echo_ == Echo::not_known && answers_alike(request.function) && !request.broadcast) {
        // On a line that echoes such a write would always look done. A read shows whether it does, whatever is answered.
        const Request look{.unit = request.unit, .function = Function::read_holding};
        const auto answer = exchange(look, timeout, tap);
        turnaround_.reset();
        if (!is_open() || (!answer && answer.error().code == Errc::offline)) return tl::unexpected(answer.error());
    }
    if (const auto silent = quiet(timeout); !silent) return tl::unexpected(silent.error());
    const Bytes adu = rtu_adu(request);
    if (const auto sent = port_.send(adu); !sent) return gone(sent.error().message);
    const Rs485& rs485 = port_.line().rs485;
    last_byte_ = Clock::now();  // with rts the last byte has left
    if (rs485.direction != Rs485::Direction::rts) last_byte_ += time_of(adu.size()) + rs485.before;
    if (tap) tap(true, adu);
    if (request.broadcast) {
        last_byte_ += broadcast_delay;
        return Bytes{};
    }
    return hear(request, timeout, tap);
}

Result<Bytes> SerialMaster::hear(const Request& request, Milliseconds timeout, const Tap& tap) {
    const auto sent = last_byte_;
    const auto expires = sent + timeout;
    RtuAnswer answer(request, echo_ == Echo::yes);
    std::optional<Clock::time_point> breaks_off;  // once the answer has begun
    for (;;) {
        switch (wait_until(breaks_off.value_or(expires), true)) {
            case Waited::bytes: break;
            case Waited::woken: return fail(Errc::offline, "the link is being closed");
            case Waited::gone: return gone("it was unplugged");
            case Waited::nothing:
                learn_echo(request, answer.echoed());
                if (answer.begun()) return tl::unexpected(answer.broken_off());
                late_until_[request.unit] = Clock::now() + lateness * timeout;
                return fail(Errc::timeout, fmt::format("no answer within {}", base::span_text(timeout)));
        }
        std::array<std::uint8_t, RtuAnswer::largest> piece;
        const auto count = ::read(port_.descriptor(), piece.data(), piece.size());
        if (count < 0 && (errno == EAGAIN || errno == EINTR)) continue;
        if (count <= 0) return gone(count == 0 ? "it was unplugged" : std::strerror(errno));
        const auto now = Clock::now();
        const auto size = static_cast<std::size_t>(count);
        last_byte_ = std::max(sent, now);
        if (tap) tap(false, ByteView(piece).first(size));

        auto heard = answer.take(ByteView(piece).first(size));
        while (heard == RtuAnswer::Heard::foreign && late_until_[answer.foreign_unit()] > now)
            heard = answer.take({});  // as late as foretold; the right one may still come
        if (answer.begun() && !breaks_off) {
            breaks_off = now + lump + 2 * time_of(answer.most_missing());
            // A lump's first byte came before its last.
            turnaround_ = std::max(0us, std::chrono::duration_cast<std::chrono::microseconds>(now - sent) - time_of(size));
        }
        if (heard == RtuAnswer::Heard::unfinished) {
            if (!answer.begun()) breaks_off.reset();  // it was the echo, or of another unit
            continue;
        }
        if (heard != RtuAnswer::Heard::answer) turnaround_.reset();
        if (heard == RtuAnswer::Heard::answer) learn_echo(request, answer.echoed());
        return answer.result();
    }
}

void SerialMaster::learn_echo(const Request& request, bool echoed) {
    if (answers_alike(request.function) && !echoed) return;  // cannot be told
    echo_ = echoed ? Echo::yes : Echo::no;
    if (!echoed || echo_told_) return;
    echo_told_ = true;
    notes_.push_back(fmt::format("{} hears what it sends itself; the echo is dropped", port_.line().device));
}

}  // namespace adapters::modbus
