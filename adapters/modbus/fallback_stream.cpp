#include "adapters/modbus/fallback_stream.hpp"

#include "gateway/base/log.hpp"

namespace adapters::modbus {

using base::Result;

FallbackStream::FallbackStream(base::Timers& timers, std::unique_ptr<Stream> first, std::unique_ptr<Stream> second,
                               std::string second_name)
    : timers_(timers),
      first_(std::move(first)),
      second_(std::move(second)),
      second_name_(std::move(second_name)),
      again_(timers) {}

void FallbackStream::open(Opened opened) {
    close();
    opened_ = std::move(opened);
    first_->open([this](Result<std::string> first) {
        if (first) return std::exchange(opened_, nullptr)(std::move(first));
        second_->open([this, why = first.error().message](const Result<std::string>& second) {
            const auto done = std::exchange(opened_, nullptr);
            if (!second)
                return done(base::fail(base::Errc::offline,
                                       fmt::format("{}; the fallback {}: {}", why, second_name_, second.error().message)));
            on_second_ = true;
            look_again();
            base::log().warn("{}: using the fallback {} instead", why, second_name_);
            done(fmt::format("connected to the fallback {} ({})", second_name_, why));
        });
    });
}

void FallbackStream::look_again() {
    again_.set(timers_.now() + look_back, [this] {
        first_->open([this](const Result<std::string>& first) {
            first_is_back_ = first.has_value();
            if (!first_is_back_) look_again();
        });
    });
}

bool FallbackStream::renew() {
    if (!on_second_ || !first_is_back_) return false;
    base::log().info("back from the fallback {}", second_name_);
    second_->close();
    on_second_ = first_is_back_ = false;
    return true;
}

void FallbackStream::close() {
    again_.cancel();
    opened_ = nullptr;
    on_second_ = first_is_back_ = false;
    first_->close();
    second_->close();
}

}  // namespace adapters::modbus
