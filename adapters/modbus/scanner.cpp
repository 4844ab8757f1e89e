#include "adapters/modbus/scanner.hpp"

#include <algorithm>
#include <charconv>

namespace adapters::modbus {

using base::Errc;
using std::chrono::microseconds;

namespace {

using namespace std::chrono_literals;
constexpr auto patience_in_queue = 60s;  // behind the polls of a full bus

std::string line_text(const SerialLine& line) { return fmt::format("{} 8{}{}", line.baud, line.parity, line.stop_bits); }

std::string printable(ByteView bytes) {
    const std::string text = trimmed(bytes);
    const bool plain = !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7F; });
    return plain ? text : base::to_hex(bytes);
}

}  // namespace

std::optional<std::vector<std::uint8_t>> parse_units(std::string_view text, int least, int most) {
    std::vector<std::uint8_t> units;
    const auto number = [&](std::string_view digits) -> std::optional<int> {
        int value = 0;
        const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
        if (digits.empty() || error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
        if (value < least || value > most) return std::nullopt;
        return value;
    };
    std::array<bool, 256> taken{};
    for (;;) {
        const auto comma = text.find(',');
        auto part = text.substr(0, comma);
        while (part.starts_with(' ')) part.remove_prefix(1);
        while (part.ends_with(' ')) part.remove_suffix(1);
        const auto dash = part.find('-');
        const auto first = number(part.substr(0, dash)),
                   last = dash == std::string_view::npos ? first : number(part.substr(dash + 1));
        if (!first || !last || *last < *first) return std::nullopt;
        for (int unit = *first; unit <= *last; ++unit)
            if (!std::exchange(taken[static_cast<std::size_t>(unit)], true)) units.push_back(static_cast<std::uint8_t>(unit));
        if (comma == std::string_view::npos) return units;
        text.remove_prefix(comma + 1);
    }
}

Scanner::Scanner(RequestQueue& queue, base::Timers& timers, ScanPlan plan, std::function<void(Found)> found,
                 std::function<void(Progress)> progress, std::function<void(Result<void>)> done)
    : queue_(queue),
      timers_(timers),
      plan_(std::move(plan)),
      found_(std::move(found)),
      progress_(std::move(progress)),
      done_(std::move(done)),
      pause_(timers) {}

void Scanner::start() {
    pause_.set(timers_.now(), [this] { next_unit(); });
}

void Scanner::cancel() {
    cancelled_ = true;
    if (pause_.is_set()) pause_.set(timers_.now(), [this] { finish({}); });
}

void Scanner::abort(const base::Error& error) {
    alive_.reset();
    pause_.cancel();
    finish(tl::unexpected(error));
}

void Scanner::finish(Result<void> result) {
    const auto done = std::move(done_);  // may end this object
    if (done) done(std::move(result));
}

/// The others have their part of the link's time first.
void Scanner::rest(std::function<void()> then) { pause_.set(timers_.now() + std::exchange(owed_, 0us), std::move(then)); }

void Scanner::next_unit() {
    const std::size_t of = plan_.units.size() * std::max<std::size_t>(1, plan_.lines.size());
    if (cancelled_ || at_ >= of) return finish({});
    const std::uint8_t unit = plan_.units[at_ % plan_.units.size()];
    now_ = {};
    identity_.reset();
    std::string what = fmt::format("unit {}", unit);
    now_.site["unit"] = now_.facts["unit"] = fmt::format("{}", unit);
    if (!plan_.lines.empty()) {
        now_.facts["line"] = line_text(plan_.lines[at_ / plan_.units.size()]);
        what += " at " + now_.facts["line"];
    }
    now_.key = fmt::format("unit {}", unit);
    if (progress_) progress_({at_, of, std::move(what)});
    if (const auto known = plan_.known ? plan_.known(unit) : std::nullopt) {
        if (!plan_.wanted) {
            now_.note = *known;
            found_(now_);
        }
        ++at_;
        return rest([this] { next_unit(); });
    }
    ask(Step::holding);
}

Request Scanner::request(Step step) const {
    const std::uint8_t unit = plan_.units[at_ % plan_.units.size()];
    switch (step) {
        case Step::holding: return {.unit = unit, .function = Function::read_holding, .address = 0, .count = 1};
        case Step::input: return {.unit = unit, .function = Function::read_input, .address = 0, .count = 1};
        case Step::identification: return IdentityReader(unit, {IdentityLevel::basic}).request();
        case Step::identity: return identity_->request();
        case Step::serial:
            return {.unit = unit,
                    .function = read_function(plan_.serial->extent.table),
                    .address = plan_.serial->extent.address,
                    .count = plan_.serial->extent.count};
        case Step::server_id:
        case Step::id: break;
    }
    return {.unit = unit, .function = Function::report_server_id};
}

void Scanner::ask(Step step) {
    auto job =
        std::make_unique<OneRequest>(request(step), timers_.now() + patience_in_queue,
                                     [this, step, alive = std::weak_ptr(alive_)](Result<Bytes> result, microseconds spent) {
                                         if (!alive.expired()) answered(step, std::move(result), spent);
                                     });
    job->timeout = plan_.timeout;
    if (!plan_.lines.empty()) job->line = plan_.lines[at_ / plan_.units.size()];
    queue_.add(Urgency::probe, std::move(job));
}

void Scanner::answered(Step step, Result<Bytes> result, microseconds spent) {
    owed_ += microseconds(static_cast<std::int64_t>(static_cast<double>(spent.count()) * (1 / plan_.share - 1)));
    if (!result && (result.error().code == Errc::offline || (result.error().code == Errc::busy && spent.count() == 0)))
        return finish(tl::unexpected(result.error()));
    if (cancelled_) return finish({});
    const auto then = [this](Step next) { rest([this, next] { ask(next); }); };
    switch (step) {
        case Step::identity: {
            const auto complete = identity_->take(result);
            if (complete && !*complete) return then(Step::identity);
            const auto& names = identify_names();
            for (const auto& [number, text] : identity_->objects())
                if (!text.empty())
                    now_.facts[number < names.size() ? std::string(names[number]) : fmt::format("object_{}", number)] = text;
            if (!identity_->objects().empty()) return identified();
            return then(Step::id);
        }
        case Step::id:
            if (result) now_.facts["server_id"] = printable(*result);
            return identified();
        case Step::serial:
            if (result) {
                const Extent& extent = plan_.serial->extent;
                if (const auto value = value_of(*plan_.serial, {extent.table, extent.address, extent.count, {}}, *result)) {
                    std::string text = std::visit(
                        [](const auto& v) -> std::string {
                            using T = std::decay_t<decltype(v)>;
                            if constexpr (std::is_same_v<T, Bytes>)
                                return base::to_hex(v);
                            else
                                return fmt::format("{}", v);
                        },
                        *value);
                    text = trimmed(base::as_bytes(text));
                    if (!text.empty()) now_.key = now_.facts["serial"] = std::move(text);
                }
            }
            return tell();
        default: return after_probe(step, result);
    }
}

void Scanner::after_probe(Step step, const Result<Bytes>& result) {
    const bool there = result || (result.error().code != Errc::timeout && result.error().code != Errc::malformed);
    if (!there) {
        if (step != Step::server_id) return rest([this, next = static_cast<Step>(static_cast<int>(step) + 1)] { ask(next); });
        ++at_;
        return rest([this] { next_unit(); });
    }
    static constexpr std::string_view asked[] = {"holding 0", "input 0", "device identification", "server id"};
    const auto what = asked[static_cast<std::size_t>(step)];
    now_.note = result ? fmt::format("answers {}", what) : fmt::format("{}: {}", what, result.error().message);
    if (!plan_.identify) return identified();
    identity_.emplace(plan_.units[at_ % plan_.units.size()],
                      std::vector{IdentityLevel::extended, IdentityLevel::regular, IdentityLevel::basic});
    rest([this] { ask(Step::identity); });
}

void Scanner::identified() {
    const bool wanted = !plan_.wanted || plan_.wanted(now_.facts);
    if (wanted && plan_.serial) return rest([this] { ask(Step::serial); });
    if (wanted) return tell();
    ++at_;
    rest([this] { next_unit(); });
}

void Scanner::tell() {
    found_(now_);
    ++at_;
    rest([this] { next_unit(); });
}

}  // namespace adapters::modbus
