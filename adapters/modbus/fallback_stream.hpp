#pragma once

#include "adapters/modbus/stream.hpp"
#include "gateway/base/time.hpp"

#include <memory>

namespace adapters::modbus {

/// Two ways to one device: the second is taken when the first cannot be connected, and left, between two requests, as soon
/// as the first can be connected again, which is tried each minute.
class FallbackStream final : public Stream {
public:
    static constexpr base::Milliseconds look_back{60'000};

    /// `second_name` is told to the operator.
    FallbackStream(base::Timers&, std::unique_ptr<Stream> first, std::unique_ptr<Stream> second, std::string second_name);
    ~FallbackStream() override { close(); }

    void open(Opened) override;
    void close() override;
    base::Result<std::size_t> read(std::span<std::uint8_t> into) override { return used().read(into); }
    base::Result<void> write(base::ByteView bytes) override { return used().write(bytes); }
    void await(std::function<void()> ready) override { used().await(std::move(ready)); }
    bool renew() override;

private:
    Stream& used() { return on_second_ ? *second_ : *first_; }
    void look_again();

    base::Timers& timers_;
    const std::unique_ptr<Stream> first_, second_;
    const std::string second_name_;
    base::Timer again_;
    Opened opened_;
    bool on_second_ = false;
    bool first_is_back_ = false;
};

}  // namespace adapters::modbus
