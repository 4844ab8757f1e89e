#include "adapters/modbus/serial_master.hpp"

#include <poll.h>
#include <unistd.h>
#include <cerrno>
#include <cstring>

namespace adapters::modbus {

using base::Errc;
using base::fail;
using base::Milliseconds;

namespace {

using namespace std::chrono_literals;

// What a frame that has begun may be late by: USB adapters hand bytes over in lumps, every 16 ms and more.
constexpr auto lump = 100ms;

std::string open_reason(const std::string& device, int error) {
    switch (error) {
        case ENOENT: return fmt::format("there is no {}; is the adapter plugged in?", device);
        case EACCES:
        case EPERM: return fmt::format("no right to use {}; is the user in its group (dialout)?", device);
        case EBUSY: return fmt::format("another program uses {}", device);
        case ENOTTY: return fmt::format("{} is no serial line", device);
        default: return fmt::format("{}: {}", device, std::strerror(error));
    }
}

}  // namespace

SerialMaster::SerialMaster(SerialLine line, int wake) : line_(std::move(line)), wake_(wake) {}

std::chrono::microseconds SerialMaster::time_of(std::size_t characters) const {
    return std::chrono::microseconds(static_cast<std::int64_t>(static_cast<double>(characters) * line_.character_us()));
}

Result<void> SerialMaster::open() {
    close();
    modbus_.reset(modbus_new_rtu(line_.device.c_str(), line_.baud, line_.parity, 8, line_.stop_bits));
    if (modbus_ == nullptr || modbus_connect(modbus_.get()) != 0) {
        const int error = errno;
        modbus_.reset();
        return fail(Errc::offline, open_reason(line_.device, error));
    }
    modbus_set_byte_timeout(modbus_.get(), 0, 0);  // the response time-out is for the whole frame then
    fd_ = modbus_get_socket(modbus_.get());
    last_byte_ = Clock::now();
    return {};
}

void SerialMaster::close() {
    if (fd_ < 0) return;
    modbus_close(modbus_.get());
    modbus_.reset();
    fd_ = -1;
}

tl::unexpected<base::Error> SerialMaster::gone(const std::string& why) {
    close();
    return fail(Errc::offline, fmt::format("{} is gone: {}", line_.device, why));
}

SerialMaster::Waited SerialMaster::wait_until(Clock::time_point when, bool for_bytes) {
    for (;;) {
        pollfd watched[2] = {{wake_, POLLIN, 0}, {fd_, static_cast<short>(for_bytes ? POLLIN : 0), 0}};
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
        switch (wait_until(last_byte_ + line_.silence(), true)) {
            case Waited::nothing: return {};
            case Waited::woken: return fail(Errc::offline, "the link is being closed");
            case Waited::gone: return gone("it was unplugged");
            case Waited::bytes: break;
        }
        std::array<std::uint8_t, 256> noise;
        const auto count = ::read(fd_, noise.data(), noise.size());
        if (count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR))
            return gone(count == 0 ? "it was unplugged" : std::strerror(errno));
        last_byte_ = Clock::now();
        if (last_byte_ > give_up)
            return fail(Errc::malformed, "the line is never silent: is there another master, or no termination?");
    }
}

Result<Bytes> SerialMaster::exchange(const Request& request, Milliseconds timeout) {
    if (!is_open()) return fail(Errc::offline, "not open");
    if (const auto silent = quiet(timeout); !silent) return tl::unexpected(silent.error());

    Bytes raw{request.unit};
    const Bytes body = pdu(request);
    raw.insert(raw.end(), body.begin(), body.end());
    modbus_set_slave(modbus_.get(), request.unit);
    if (modbus_send_raw_request(modbus_.get(), raw.data(), static_cast<int>(raw.size())) < 0) return gone(std::strerror(errno));
    last_byte_ = Clock::now() + time_of(raw.size() + 2);
    const auto expires = last_byte_ + timeout;

    const auto rest_of_frame = lump + 2 * time_of(is_read(request.function) ? 5 + request.count * 2U : 8);
    modbus_set_response_timeout(modbus_.get(), static_cast<std::uint32_t>(rest_of_frame / 1s),
                                static_cast<std::uint32_t>(rest_of_frame % 1s / 1us));
    for (;;) {
        switch (wait_until(expires, true)) {
            case Waited::bytes: break;
            case Waited::woken: return fail(Errc::offline, "the link is being closed");
            case Waited::gone: return gone("it was unplugged");
            case Waited::nothing:
                late_until_[request.unit] = Clock::now() + lateness * timeout;
                return fail(Errc::timeout, fmt::format("no answer within {}", base::span_text(timeout)));
        }
        std::array<std::uint8_t, MODBUS_MAX_ADU_LENGTH> frame;
        const int size = modbus_receive_confirmation(modbus_.get(), frame.data());
        const int error = errno;
        last_byte_ = Clock::now();
        if (size > 0) {
            const Verdict verdict = check_rtu_answer(request, ByteView(frame.data(), static_cast<std::size_t>(size)));
            return verdict.data.map([](ByteView data) { return Bytes(data.begin(), data.end()); });
        }
        if (size == 0) {                                       // of another unit, unproved
            if (late_until_[frame[0]] > last_byte_) continue;  // as late as foretold; the right one may still come
            return fail(Errc::malformed, fmt::format("unit {} answered, asked was {}", frame[0], request.unit));
        }
        if (error == ETIMEDOUT) return fail(Errc::malformed, "the answer broke off");
        if (error == EMBBADCRC) return fail(Errc::malformed, "the answer's check sum is wrong");
        if (error == EIO || error == ENXIO || error == EBADF || error == ENODEV || error == ECONNRESET)
            return gone(std::strerror(error));
        return fail(Errc::malformed, modbus_strerror(error));
    }
}

}  // namespace adapters::modbus
