#pragma once

#include "adapters/modbus/identity.hpp"
#include "adapters/modbus/request_queue.hpp"
#include "adapters/modbus/shape.hpp"

namespace adapters::modbus {

struct ScanPlan {
    std::vector<std::uint8_t> units;                   ///< at least one
    std::vector<SerialLine> lines{};                   ///< none: the link's own
    bool identify = true;                              ///< asks who answers for 43/14, and for 17 when it does not know that
    double share = 1.0;                                ///< of the link's time, over 0
    base::Milliseconds timeout{};                      ///< for each question
    std::optional<PointShape> serial{};                ///< read from those that are wanted
    std::function<bool(const Words& facts)> wanted{};  ///< none: all
    /// Units that are not asked, and what they are.
    std::function<std::optional<std::string>(std::uint8_t)> known{};
};

/// "1-32,40": units in their order, each once. Nothing: no such list, or a unit out of `least` to `most`.
std::optional<std::vector<std::uint8_t>> parse_units(std::string_view text, int least, int most);

/// Asks unit after unit, between the others' requests. Whoever answers anything is there, an exception included:
/// function 3, then 4, 43/14 and 17, because some devices are silent to what they do not know. An answer that is none
/// (a gateway's exceptions 10 and 11, a broken frame) is nobody's.
class Scanner {
public:
    using Progress = Adapter::Progress;
    /// `done` is called once, from the loop: success also for a scan that was cancelled.
    Scanner(RequestQueue&, base::Timers&, ScanPlan, std::function<void(Found)>, std::function<void(Progress)>,
            std::function<void(Result<void>)> done);

    void start();
    /// `done` comes after the question under way.
    void cancel();
    /// `done` comes now, with this error.
    void abort(const base::Error&);

private:
    enum class Step : std::uint8_t { holding, input, identification, server_id, identity, id, serial };

    void next_unit();
    void ask(Step);
    void answered(Step, Result<Bytes>, std::chrono::microseconds spent);
    void after_probe(Step, const Result<Bytes>&);
    void identified();
    void tell();
    void rest(std::function<void()> then);
    void finish(Result<void>);
    Request request(Step) const;

    RequestQueue& queue_;
    base::Timers& timers_;
    const ScanPlan plan_;
    std::function<void(Found)> found_;
    std::function<void(Progress)> progress_;
    std::function<void(Result<void>)> done_;

    std::size_t at_ = 0;  // in lines × units
    std::optional<IdentityReader> identity_;
    Found now_;
    std::chrono::microseconds owed_{0};  // time that the others have first
    bool cancelled_ = false;
    base::Timer pause_;
    std::shared_ptr<int> alive_ = std::make_shared<int>(0);  // a question may outlive its scan
};

}  // namespace adapters::modbus
