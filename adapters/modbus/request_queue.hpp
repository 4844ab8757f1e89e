#pragma once

#include "adapters/modbus/bus.hpp"
#include "adapters/modbus/turnaround.hpp"

#include <array>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/post.hpp>
#include <list>
#include <memory>
#include <optional>
#include <vector>

namespace adapters::modbus {

/// A call that waits for the wire: one request to one unit, or several one after the other.
class Job {
public:
    Job(std::uint8_t its_unit, Instant until) : unit(its_unit), deadline(until) {}
    virtual ~Job() = default;

    /// What to send now.
    virtual Request request() = 0;
    /// Its answer. True: nothing more to ask. Not called any more once the caller was told.
    virtual bool take(Result<Bytes>) = 0;
    /// Whatever has no answer yet gets this one.
    virtual void give_up(const base::Error&) = 0;
    /// Tells the caller; called once.
    virtual void deliver() = 0;
    /// Between its requests nobody else's goes out.
    virtual bool holds_line() const { return false; }

    const std::uint8_t unit;
    const Instant deadline;
    std::optional<base::Milliseconds> timeout{};  ///< instead of the unit's
    bool insists = false;                         ///< somebody looks: never put off, waited for in full
    std::optional<SerialLine> line{};             ///< instead of the link's, for a scan
    std::chrono::microseconds spent{};            ///< of the link's time, so far

private:
    friend class RequestQueue;
    bool delivered_ = false;
    std::list<std::unique_ptr<Job>>* list_ = nullptr;
    std::list<std::unique_ptr<Job>>::iterator self_{};
};

/// Asks one thing and hands on what comes.
class OneRequest final : public Job {
public:
    using Done = std::function<void(Result<Bytes>, std::chrono::microseconds spent)>;
    OneRequest(Request request, Instant until, Done done)
        : Job(request.unit, until), request_(std::move(request)), done_(std::move(done)) {}

    Request request() override { return request_; }
    bool take(Result<Bytes> result) override {
        result_ = std::move(result);
        return true;
    }
    void give_up(const base::Error& error) override { result_ = tl::unexpected(error); }
    void deliver() override { done_(std::move(result_), spent); }

private:
    Request request_;
    Done done_;
    Result<Bytes> result_;
};

enum class Urgency : std::uint8_t { write, read, probe };

/// Who may send next on one link. One request is on the wire at a time; writes before reads before probes of a scan; at
/// most 256 jobs wait (`limit`), over that Errc::busy.
///
/// A unit that left two requests in a row without an answer is *silent*. While others answer, the silent ones together
/// get a tenth of the link: each time-out is followed by nine times as long without another; a read that comes before is
/// answered with Errc::timeout at once, but for a unit that was put off so for a minute. A silent unit is waited for
/// eight times as long as answers take on this link, at least 80 ms, every sixteenth time the whole time-out.
class RequestQueue {
public:
    static constexpr std::size_t limit = 256;
    static constexpr unsigned silent_after = 2;

    RequestQueue(boost::asio::any_io_executor, base::Timers&, Bus&, const LinkSettings&);

    struct Manners {
        base::Milliseconds pause{0};                ///< between two requests to the unit
        std::optional<base::Milliseconds> timeout;  ///< instead of the link's
    };
    void set_manners(std::uint8_t unit, Manners);
    const Manners& manners(std::uint8_t unit) const { return units_[unit].manners; }

    void add(Urgency, std::unique_ptr<Job>);
    void bus_changed(Bus::State, const std::string& why);
    /// All that wait get Errc::offline, from the loop.
    void stop();
    void trace(std::function<void(const Traffic&)>);

    const Turnaround& turnaround(std::uint8_t unit) const { return units_[unit].turnaround; }
    /// Requests in a row without an answer, the last one included.
    unsigned misses(std::uint8_t unit) const { return units_[unit].misses; }
    /// From a call-back's own turn; nothing is called after this object is gone.
    template <class F>
    void later(F what);

private:
    struct Unit {
        Manners manners;
        Instant ready{};  // not asked before
        unsigned misses = 0, probes = 0;
        std::optional<Instant> put_off{};  // since when
        bool heard = false;
        Turnaround turnaround;
    };
    using List = std::list<std::unique_ptr<Job>>;

    std::unique_ptr<Job> take_out(Job&);
    void tell(Job&);
    void pump();
    bool put_off(const Job&);
    void begin(Job&, Urgency);
    void answered(Result<Bytes>);
    std::chrono::microseconds on_wire(const Result<Bytes>&) const;
    void note(Unit&, const Result<Bytes>&);
    void expire();
    void fail_waiting(const base::Error&);
    bool others_answer(std::uint8_t unit) const;
    base::Milliseconds patience(const Job&, Urgency);
    void told(bool sent, Bytes adu, std::string text);

    boost::asio::any_io_executor executor_;
    base::Timers& timers_;
    Bus& bus_;
    const LinkSettings& settings_;
    std::array<Unit, 256> units_;
    std::array<List, 3> lists_;  // by Urgency

    Bus::State state_ = Bus::State::starting;
    std::string away_;  // why
    bool stopping_ = false;
    Job* current_ = nullptr;  // whose request is on the wire; an element of one of the lists
    Job* held_ = nullptr;     // who has the line between two requests
    Request asked_;
    Urgency urgency_ = Urgency::read;
    base::Milliseconds waited_{0};  // for the answer under way
    Instant begun_{};
    bool tuned_ = false;  // to another line than the link's
    Instant line_ready_{}, quiet_at_{}, silent_ready_{};
    base::Timer deadlines_, rest_;
    Instant next_deadline_{};
    std::function<void(const Traffic&)> trace_;
    std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

template <class F>
void RequestQueue::later(F what) {
    boost::asio::post(executor_, [alive = std::weak_ptr(alive_), what = std::move(what)]() mutable {
        if (!alive.expired()) what();
    });
}

}  // namespace adapters::modbus
