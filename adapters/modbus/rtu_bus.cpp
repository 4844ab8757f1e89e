#include "adapters/modbus/rtu_bus.hpp"

#include <sys/eventfd.h>
#include <unistd.h>
#include <algorithm>
#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>
#include <csignal>
#include <system_error>

namespace adapters::modbus {

using base::Errc;
using base::fail;
using base::Milliseconds;

namespace {

using namespace std::chrono_literals;
constexpr Milliseconds first_pause = 1s, last_pause = 3200ms;  // 4 s with the jitter: opening a file disturbs nobody

}  // namespace

RtuBus::RtuBus(boost::asio::any_io_executor executor, base::Timers& timers, base::Random& random, SerialLine line,
               SerialPort::Ioctl ioctl)
    : executor_(std::move(executor)),
      random_(random),
      timers_(timers),
      line_(std::move(line)),
      ioctl_(std::move(ioctl)),
      format_(line_),
      retry_(timers) {}

RtuBus::~RtuBus() {
    join();
    if (wake_ >= 0) ::close(wake_);
}

void RtuBus::join() {
    if (!thread_.joinable()) return;
    {
        const std::lock_guard lock(mutex_);
        ending_ = true;
        ::eventfd_write(wake_, 1);
    }
    thread_.join();
}

template <class F>
void RtuBus::to_loop(F what) {
    boost::asio::post(executor_, [alive = std::weak_ptr(alive_), what = std::move(what)]() mutable {
        if (!alive.expired()) what();
    });
}

void RtuBus::start(Changed changed) {
    changed_ = std::move(changed);
    wake_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (wake_ < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
    busy_ = boost::asio::prefer(executor_, boost::asio::execution::outstanding_work.tracked);
    give(Command{});
    // Signals are the core loop's: the thread is born with all of them blocked.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    thread_ = std::thread([this] { run(); });
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void RtuBus::stop(std::function<void()> stopped) {
    changed_ = nullptr;
    answer_ = nullptr;
    retry_.cancel();
    state_ = State::away;
    if (!thread_.joinable()) return boost::asio::post(executor_, std::move(stopped));
    stopped_ = std::move(stopped);
    {
        const std::lock_guard lock(mutex_);
        ending_ = true;
        ::eventfd_write(wake_, 1);  // run() ends and posts the rest
    }
}

void RtuBus::give(std::optional<Command> command) {
    const std::lock_guard lock(mutex_);
    command_ = std::move(command);
    ::eventfd_write(wake_, 1);  // under the lock: who takes the command takes its signal too
}

void RtuBus::exchange(Request request, Milliseconds timeout, Answer answer) {
    answer_ = std::move(answer);
    turnaround_.reset();
    give(Command{std::move(request), timeout, format_});
}

void RtuBus::tap(Tap tap) {
    tap_ = std::move(tap);
    tapped_ = tap_ != nullptr;
}

Result<void> RtuBus::tune(const SerialLine& line) {
    SerialLine checked;
    if (!parse_line(line.format(), checked)) return fail(Errc::bad_request, fmt::format("{} cannot be set", line.format()));
    format_ = line;
    return {};
}

/// Each text once: a line that comes and goes says the same each time.
void RtuBus::tell(std::vector<std::string> notes) {
    for (const auto& note : notes) said_.warn(note, note);
}

void RtuBus::become(State state, const std::string& why) {
    if (state_ == state) return;
    state_ = state;
    if (changed_) changed_(state, why);
}

void RtuBus::closed(const std::string& why) {
    if (!changed_) return;
    backoff_ = std::clamp(backoff_ * 2, first_pause, last_pause);
    retry_.set(timers_.now() + std::chrono::duration_cast<Milliseconds>(backoff_ * (1 + random_.unit() / 4)),
               [this] { give(Command{}); });
    become(State::away, why);
}

// The thread.
void RtuBus::run() {
    SerialMaster master(line_, wake_, ioctl_);
    for (;;) {
        if (!master.idle())
            to_loop([this] {
                if (state_ == State::up) closed(fmt::format("{} is gone: it was unplugged", line_.device));
            });
        std::optional<Command> command;
        {
            const std::lock_guard lock(mutex_);
            if (ending_) break;
            eventfd_t count = 0;
            ::eventfd_read(wake_, &count);
            command = std::exchange(command_, std::nullopt);
        }
        if (!command) continue;
        if (!command->request) {
            auto opened = master.open();
            to_loop([this, opened = std::move(opened), notes = master.take_notes()]() mutable {
                tell(std::move(notes));
                if (!opened) return closed(opened.error().message);
                backoff_ = 0ms;
                become(State::up, "open");
            });
            continue;
        }
        SerialMaster::Tap tap;
        if (tapped_)
            tap = [this](bool sent, base::ByteView bytes) {
                to_loop([this, sent, bytes = Bytes(bytes.begin(), bytes.end())]() mutable {
                    if (tap_) tap_(sent, std::move(bytes));
                });
            };
        Result<Bytes> result = fail(Errc::offline, "not open");
        if (const auto set = master.is_open() ? master.set_format(command->line) : Result<void>{}; !set)
            result = tl::unexpected(set.error());
        else
            result = master.exchange(*command->request, command->timeout, tap);
        to_loop([this, result = std::move(result), open = master.is_open(), turnaround = master.turnaround(),
                 notes = master.take_notes()]() mutable {
            tell(std::move(notes));
            turnaround_ = turnaround;
            if (!open && state_ == State::up) closed(result ? std::string("closed") : result.error().message);
            if (const Answer answer = std::exchange(answer_, nullptr)) answer(std::move(result));
        });
    }
    master.close();
    to_loop([this] {
        thread_.join();
        busy_ = nullptr;
        if (const auto stopped = std::exchange(stopped_, nullptr)) stopped();
    });
}

}  // namespace adapters::modbus
