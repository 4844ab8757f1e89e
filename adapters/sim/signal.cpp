#include "adapters/sim/signal.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <charconv>
#include <cmath>
#include <numbers>

namespace adapters::sim {

namespace {

using base::Node;

constexpr std::size_t most_script = 10'000;
constexpr std::size_t most_text = 4096;
constexpr Span least_every = std::chrono::milliseconds(10);
constexpr Span least_period = std::chrono::milliseconds(100);

bool is_whole(Kind kind) {
    switch (kind) {
        case Kind::float16:
        case Kind::float32:
        case Kind::float64:
        case Kind::string:
        case Kind::bytes: return false;
        default: return true;
    }
}

// 0.1 instead of 0.10000000000000001
double rounded(double value, int digits) {
    const auto text = fmt::format("{:.{}f}", value, digits);
    double out = 0;
    std::from_chars(text.data(), text.data() + text.size(), out);
    return out == 0 ? 0 : out;  // no -0
}

std::uint64_t mixed(std::uint64_t z) {  // splitmix64
    z += 0x9E3779B97F4A7C15ULL;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ z >> 27) * 0x94D049BB133111EBULL;
    return z ^ z >> 31;
}

/// The type that a value has when the point names none.
Kind natural(const Node& value) {
    switch (value.kind()) {
        case Node::Kind::boolean: return Kind::boolean;
        case Node::Kind::integer: return Kind::int64;
        case Node::Kind::number: return Kind::float64;
        default: return Kind::string;
    }
}

std::optional<Scalar> scalar(const Node& value, Kind kind) {
    switch (value.kind()) {
        case Node::Kind::boolean: return Scalar(value.boolean());
        case Node::Kind::integer: return Scalar(value.integer());
        case Node::Kind::number: {
            // A whole number above int64 is kept exact.
            std::uint64_t large = 0;
            const std::string& text = value.written();
            const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), large);
            if (error == std::errc{} && end == text.data() + text.size()) return Scalar(large);
            return Scalar(value.number());
        }
        case Node::Kind::text:
            if (value.written().size() > most_text) return std::nullopt;
            if (kind != Kind::bytes) return Scalar(value.written());
            if (auto bytes = base::from_hex(value.written())) return Scalar(std::move(*bytes));
            return std::nullopt;
        default: return std::nullopt;
    }
}

bool add_value(Signal& signal, const Node& value, const std::string& what, Diagnostics& diagnostics) {
    const auto raw = scalar(value, signal.kind);
    if (!raw) {
        diagnostics.error(
            value.at(), fmt::format("{}: {} cannot be a value of {}", what, value.kind_name(), name(signal.kind)),
            signal.kind == Kind::bytes ? "write hex digits in quotes: \"00 FF\"" : "write true, a number or a text");
        return false;
    }
    const auto fitted = fit(signal.kind, *raw);
    if (!fitted) {
        diagnostics.error(value.at(), fmt::format("{}: {}", what, fitted.error().message),
                          "write a value of this type, or another 'type'");
        return false;
    }
    signal.values.push_back(*fitted);
    return true;
}

/// The limits of a wave or of random values must fit the type, then all between does.
bool limits_fit(const Signal& signal, Fields& sim, std::string_view key) {
    for (const double limit : {signal.low, signal.high}) {
        const double value = is_whole(signal.kind) ? std::round(limit) : limit;
        if (const auto fitted = fit(signal.kind, value); !fitted) {
            sim.error(key, fitted.error().message, "keep it within the range of the type, or write another 'type'");
            return false;
        }
    }
    return true;
}

bool read_script(Signal& signal, Fields& sim, bool typed) {
    const auto* values = sim.list("script");
    if (values == nullptr) return false;
    if (values->empty() || values->size() > most_script) {
        sim.error("script", fmt::format("a script of {} values", values->size()),
                  fmt::format("write 1 to {} values", most_script));
        return false;
    }
    if (!typed) {
        signal.kind = natural(values->front());
        for (const Node& value : *values)  // 1, 1.5 are numbers with a fraction
            if (signal.kind == Kind::int64 && natural(value) == Kind::float64) signal.kind = Kind::float64;
    }
    bool good = true;
    for (const Node& value : *values) good = add_value(signal, value, sim.what(), sim.diagnostics()) && good;
    return good;
}

bool read_wave(Signal& signal, Fields& sim, bool typed) {
    const auto wave = sim.choice("wave", {"sine", "ramp", "square"});
    if (!typed) signal.kind = Kind::float64;
    if (signal.kind == Kind::string || signal.kind == Kind::bytes) {
        sim.error("wave", fmt::format("a wave is a number, not {}", name(signal.kind)), "write another 'type', or a script");
        return false;
    }
    const double amp = sim.number("amp").value_or(1);
    const double offset = sim.number("offset").value_or(0);
    signal.low = offset - std::fabs(amp);
    signal.high = offset + std::fabs(amp);
    signal.period = std::chrono::minutes(1);
    if (const auto period = sim.span("period")) {
        if (*period < least_period) sim.error("period", "a period below 100ms", "write 100ms or more");
        signal.period = std::max(*period, least_period);
    }
    if (!wave) return false;
    signal.shape = *wave == 0 ? Signal::Shape::sine : *wave == 1 ? Signal::Shape::ramp : Signal::Shape::square;
    return limits_fit(signal, sim, "amp");
}

bool read_random(Signal& signal, Fields& sim, bool typed) {
    const auto* limits = sim.list("random");
    if (limits == nullptr) return false;
    const auto is_number = [](const Node& n) { return n.kind() == Node::Kind::integer || n.kind() == Node::Kind::number; };
    if (limits->size() != 2 || !is_number(limits->front()) || !is_number(limits->back()) ||
        limits->front().number() > limits->back().number()) {
        sim.error("random", "'random' has a least and a greatest number", "write random: [0, 100]");
        return false;
    }
    if (!typed) signal.kind = natural(limits->front()) == Kind::int64 ? natural(limits->back()) : Kind::float64;
    if (signal.kind == Kind::string || signal.kind == Kind::bytes) {
        sim.error("random", fmt::format("random values are numbers, not {}", name(signal.kind)),
                  "write another 'type', or a script");
        return false;
    }
    signal.shape = Signal::Shape::random;
    signal.low = limits->front().number();
    signal.high = limits->back().number();
    return limits_fit(signal, sim, "random");
}

}  // namespace

Result<Scalar> fit(Kind kind, const Scalar& value) {
    if (kind == Kind::string) {
        if (const auto* text = std::get_if<std::string>(&value); text != nullptr && text->size() <= most_text) return value;
        return base::fail(base::Errc::bad_request, "no text, or one that is too long");
    }
    if (kind == Kind::bytes) {
        if (const auto* bytes = std::get_if<Bytes>(&value); bytes != nullptr && bytes->size() <= most_text) return value;
        return base::fail(base::Errc::bad_request, "no bytes, or too many");
    }
    const Encoding encoding{kind, static_cast<std::uint16_t>(width(kind) / 8), {}};
    return encode(encoding, value).and_then([&](const Bytes& bytes) { return decode(encoding, bytes); });
}

Scalar Signal::at(Span since, std::uint64_t salt) const {
    const auto us = std::max<Span::rep>(since.count(), 0);
    double value = 0;
    switch (shape) {
        case Shape::constant: return values.front();
        case Shape::script: return values[static_cast<std::size_t>(us / every.count()) % values.size()];
        case Shape::random: {
            const auto step = static_cast<std::uint64_t>(us / every.count());
            const double unit = static_cast<double>(mixed(mixed(salt) ^ step) >> 11) * 0x1.0p-53;
            value = low + unit * (high - low);
            break;
        }
        case Shape::sine:
        case Shape::ramp:
        case Shape::square: {
            const double phase = static_cast<double>(us % period.count()) / static_cast<double>(period.count());  // [0, 1)
            const double half = (high - low) / 2;
            if (shape == Shape::sine)
                value = low + half + half * std::sin(2 * std::numbers::pi * phase);
            else if (shape == Shape::ramp)
                value = low + phase * (high - low);
            else
                value = phase < 0.5 ? high : low;
            break;
        }
    }
    value = is_whole(kind) ? std::round(value) : rounded(value, digits);
    const auto fitted = fit(kind, value);
    return fitted ? *fitted : Scalar(value);
}

std::optional<Signal> read_signal(Fields& point, Fields* sim, const Node& node) {
    static const std::vector<std::string_view> names = [] {
        std::vector<std::string_view> out;
        for (int kind = 0; kind <= static_cast<int>(Kind::bytes); ++kind) out.push_back(name(static_cast<Kind>(kind)));
        return out;
    }();
    Signal signal;
    const bool typed = point.has("type");
    if (typed) {
        const auto kind = point.choice("type", names);
        if (!kind) return std::nullopt;
        signal.kind = static_cast<Kind>(*kind);
    }
    if (sim == nullptr) {  // sim: 21.5
        if (!typed) signal.kind = natural(node);
        if (!add_value(signal, node, point.what(), point.diagnostics())) return std::nullopt;
        return signal;
    }
    const bool one[] = {sim->has("value"), sim->has("script"), sim->has("wave"), sim->has("random")};
    if (std::count(std::begin(one), std::end(one), true) != 1) {
        point.error("sim", "'sim' has exactly one of value, script, wave, random", "write sim: {value: 21.5}");
        return std::nullopt;
    }
    signal.every = std::chrono::seconds(1);
    if (!one[0]) {
        if (const auto every = sim->span("every")) {
            if (*every < least_every) sim->error("every", "a step below 10ms", "write 10ms or more");
            signal.every = std::max(*every, least_every);
        }
    }
    if (one[2] || one[3])
        if (const auto digits = sim->integer("digits", 0, 9)) signal.digits = static_cast<int>(*digits);
    bool good = false;
    if (one[0]) {
        const Node& value = *sim->find("value");
        if (!typed) signal.kind = natural(value);
        good = add_value(signal, value, sim->what(), sim->diagnostics());
    } else if (one[1]) {
        signal.shape = Signal::Shape::script;
        good = read_script(signal, *sim, typed);
    } else {
        good = one[2] ? read_wave(signal, *sim, typed) : read_random(signal, *sim, typed);
    }
    if (!good) return std::nullopt;
    return signal;
}

}  // namespace adapters::sim
