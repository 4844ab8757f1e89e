#include "mapping/vectors.hpp"

#include "mapping/evaluator.hpp"
#include "mapping/names.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <cmath>

namespace mapping {

using adapters::Scalar;
using base::Diagnostics;
using base::Node;
using lwm2m::Path;

namespace {

std::string text_of(const Node& node) {
    switch (node.kind()) {
        case Node::Kind::null: return "no value";
        case Node::Kind::text: return fmt::format("\"{}\"", node.written());
        default: return node.written().empty() ? std::string(node.kind_name()) : node.written();
    }
}
std::string text_of(const lwm2m::Value& value) {
    return std::holds_alternative<std::monostate>(value) ? "no value" : lwm2m::str(value);
}

/// Do they print alike, as a double or as a float32?
bool same_number(double a, double b) {
    return a == b || lwm2m::decimal(a) == lwm2m::decimal(b) || static_cast<float>(a) == static_cast<float>(b);
}

bool equal(const Node& expected, const lwm2m::Value& got) {
    if (expected.kind() == Node::Kind::null) return std::holds_alternative<std::monostate>(got);
    if (const auto* text = std::get_if<std::string>(&got)) return expected.written() == *text;
    if (const auto* truth = std::get_if<bool>(&got))
        return expected.kind() == Node::Kind::boolean && expected.boolean() == *truth;
    if (const auto* number = std::get_if<double>(&got))
        return (expected.kind() == Node::Kind::integer || expected.kind() == Node::Kind::number) &&
               same_number(expected.number(), *number);
    if (const auto* whole = std::get_if<std::int64_t>(&got))
        return expected.kind() == Node::Kind::integer && expected.integer() == *whole;
    if (const auto* whole = std::get_if<std::uint64_t>(&got)) return expected.written() == std::to_string(*whole);
    return expected.written() == lwm2m::str(got);
}

/// A test's value for a write, as the server would send it.
lwm2m::Value value_of(const Node& node) {
    switch (node.kind()) {
        case Node::Kind::boolean: return node.boolean();
        case Node::Kind::integer: return node.integer();
        case Node::Kind::number: return node.number();
        default: return node.written();
    }
}

void add_lines(const Diagnostics& mistakes, VectorResult& result) {
    if (mistakes.ok()) return;
    const std::string text = mistakes.str();
    for (std::size_t from = 0; from < text.size();) {
        const auto end = std::min(text.find('\n', from), text.size());
        if (end > from) result.differences.push_back(text.substr(from, end - from));
        from = end + 1;
    }
}

/// One device that holds what a test gives, and is asked what a server would read of it.
class TestDevice {
public:
    TestDevice(const Plan& plan, VectorResult& result)
        : device_(plan.devices.front()),
          type_(device_.type),
          driver_(*plan.links[device_.link].driver),
          result_(result),
          evaluator_(type_),
          readings_(type_->points.size()),
          errors_(type_->points.size()) {}

    void hold(const Node& given) {
        Diagnostics mistakes;
        const auto values = driver_.pretend(device_.number, given, mistakes);
        add_lines(mistakes, result_);
        Evaluator::Outcomes outcomes;
        for (std::size_t number = 0; number < type_->points.size(); ++number) {
            const auto& point = type_->points[number];
            if (point.index == no_index || point.index >= values.size() || !values[point.index]) continue;
            const auto& value = *values[point.index];
            if (!value) {
                errors_[number] = value.error().message;
                continue;
            }
            if (auto fed = feed(static_cast<std::uint16_t>(number), *value, outcomes); !fed)
                errors_[number] = fed.error().message;
        }
        if (Evaluator::needed(*type_)) evaluator_.settle(outcomes);
        for (auto& outcome : outcomes) {
            // As the gateway: what is rejected is not shown, the last good value stays, and here there was none.
            if (outcome.reading.quality == Quality::rejected) outcome.reading.value = {};
            readings_[outcome.point] = std::move(outcome.reading);
        }
    }

    void expect(const Node& expected) {
        for (const auto& [key, at, value] : expected.members()) {
            const auto path = Path::parse("/" + key);
            const Resource* resource = path ? find(*path) : nullptr;
            if (resource == nullptr) {
                add(fmt::format("{}: {}", key, unknown(key)));
            } else if (const auto got = read(*resource, *path); !got) {
                add(fmt::format("{}: expected {}, got {}", key, text_of(value), got.error().message));
            } else if (!equal(value, *got)) {
                add(fmt::format("{}: expected {}, got {}", key, text_of(value), text_of(*got)));
            }
        }
    }

    /// Writes as a server does; what goes to the device is appended to `sent`.
    void write(const Node& values, std::vector<std::string>& sent) {
        for (const auto& [key, at, value] : values.members()) {
            const auto path = Path::parse("/" + key);
            const Resource* resource = path ? find(*path) : nullptr;
            if (resource == nullptr) {
                add(fmt::format("{}: {}", key, unknown(key)));
                continue;
            }
            if (resource->source != Source::point || !resource->writable) {
                add(fmt::format("{}: the profile does not let a server write it", key));
                continue;
            }
            const auto& point = type_->points[resource->number];
            auto wanted = lwm2m::coerce(value_of(value), resource->definition->type);
            const auto raw = wanted ? to_raw(resource->number, *wanted) : tl::unexpected(wanted.error());
            if (!raw) {
                add(fmt::format("{}: {} is refused: {}", key, text_of(value), raw.error().message));
                continue;
            }
            send(key, point.write_index != no_index ? point.write_index : point.index, *raw, sent);
        }
    }

    void execute(const std::string& key, const std::string& arguments, std::vector<std::string>& sent) {
        const auto path = Path::parse("/" + key);
        const Resource* resource = path ? find(*path) : nullptr;
        if (resource == nullptr) return add(fmt::format("{}: {}", key, unknown(key)));
        if (resource->source == Source::refused) return add(fmt::format("{}: no action of the profile does it (5.01)", key));
        if (resource->source == Source::reset_min_max) return;  // the gateway's own
        if (resource->source != Source::action) return add(fmt::format("{}: cannot be executed", key));
        const auto steps = type_->actions[resource->number].bind(arguments);
        if (!steps) return add(fmt::format("{}: {}", key, steps.error().message));
        for (const auto& step : *steps)
            if (const auto* write = std::get_if<WriteStep>(&step)) send(key, write->index, write->value, sent);
    }

    void compare(const std::vector<Node>& expected, const std::vector<std::string>& sent) {
        for (std::size_t i = 0; i < std::max(expected.size(), sent.size()); ++i) {
            if (i >= sent.size()) {
                add(fmt::format("sends: expected {}, and nothing more was sent", text_of(expected[i])));
            } else if (i >= expected.size()) {
                add(fmt::format("sends: \"{}\" was sent too", sent[i]));
            } else if (expected[i].written() != sent[i]) {
                add(fmt::format("sends: expected {}, got \"{}\"", text_of(expected[i]), sent[i]));
            }
        }
    }

private:
    void add(std::string line) { result_.differences.push_back(std::move(line)); }
    base::Result<void> feed(std::uint16_t number, const Scalar& raw, Evaluator::Outcomes& outcomes) {
        if (Evaluator::needed(*type_)) return evaluator_.feed(number, raw, outcomes);
        auto reading = type_->points[number].conversion.read(raw);
        if (!reading) return tl::unexpected(reading.error());
        outcomes.push_back({number, std::move(*reading)});
        return {};
    }
    base::Result<Scalar> to_raw(std::uint16_t number, const lwm2m::Value& value) const {
        return Evaluator::needed(*type_) ? evaluator_.write(number, value) : type_->points[number].conversion.write(value);
    }
    void send(const std::string& key, adapters::PointIndex index, const Scalar& raw, std::vector<std::string>& sent) {
        auto frames = driver_.sends(device_.number, index, raw);
        if (!frames) return add(fmt::format("{}: {}", key, frames.error().message));
        sent.insert(sent.end(), std::make_move_iterator(frames->begin()), std::make_move_iterator(frames->end()));
    }

    /// The resource at the path, or the one that it is an instance of.
    const Resource* find(const Path& path) const {
        const auto at = [this](const Path& wanted) -> const Resource* {
            const auto found = std::lower_bound(type_->resources.begin(), type_->resources.end(), wanted,
                                                [](const Resource& resource, const Path& p) { return resource.path < p; });
            return found != type_->resources.end() && found->path == wanted ? &*found : nullptr;
        };
        if (path.level() < Path::Level::resource) return nullptr;
        const auto* exact = at(path);
        return exact != nullptr || path.level() == Path::Level::resource ? exact : at(path.parent());
    }

    std::string unknown(const std::string& key) const {
        std::vector<std::string> paths;
        for (const auto& resource : type_->resources) paths.push_back(resource.path.str().substr(1));
        const std::vector<std::string_view> views(paths.begin(), paths.end());
        const auto near = base::nearest(key, views);
        return near.empty() ? "the profile has no such resource"
                            : fmt::format("the profile has no such resource; did you mean {}?", near);
    }

    base::Result<lwm2m::Value> read(const Resource& resource, const Path& path) const {
        const auto shown = [](std::string text) { return base::fail(base::Errc::not_found, std::move(text)); };
        const auto& reading = [&]() -> const std::optional<Reading>& { return readings_[resource.number]; };
        switch (resource.source) {
            case Source::fixed: return resource.fixed;
            case Source::quality:
                return lwm2m::Value(static_cast<std::int64_t>(reading() ? reading()->quality : Quality::never));
            case Source::point:
            case Source::minimum:
            case Source::maximum:
                if (!errors_[resource.number].empty()) return shown("an error: " + errors_[resource.number]);
                if (!reading()) return lwm2m::Value();
                if (resource.source != Source::point && reading()->quality != Quality::good) return lwm2m::Value();
                return reading()->value;
            case Source::timestamp: return shown("a time, which is not the same twice");
            case Source::error_code: {
                const auto codes = error_codes();
                const std::size_t which = path.level() == Path::Level::resource ? 0 : path.resource_instance();
                if (which >= codes.size()) return lwm2m::Value();
                return lwm2m::Value(static_cast<std::int64_t>(codes[which]));
            }
            default: return shown("something that can only be executed");
        }
    }

    std::vector<std::uint8_t> error_codes() const {
        std::vector<std::uint8_t> codes;
        for (const auto& [point, code] : type_->errors) {
            const auto& reading = readings_[point];
            if (!reading || reading->quality != Quality::good) continue;
            const auto* truth = std::get_if<bool>(&reading->value);
            const auto number = lwm2m::numeric(reading->value);
            const bool holds = truth != nullptr ? *truth : number && *number != 0;
            if (holds && std::find(codes.begin(), codes.end(), code) == codes.end()) codes.push_back(code);
        }
        if (codes.empty()) codes.push_back(0);
        return codes;
    }

    const Device& device_;
    std::shared_ptr<const DeviceType> type_;
    adapters::Adapter& driver_;
    VectorResult& result_;
    Evaluator evaluator_;
    std::vector<std::optional<Reading>> readings_;  // by number of the point
    std::vector<std::string> errors_;
};

const Node* member(const Node& map, std::string_view key) {
    const Node* found = map.kind() == Node::Kind::map ? map.find(key) : nullptr;
    return found != nullptr && found->kind() != Node::Kind::null ? found : nullptr;
}

void run(const Node& test, const Plan& plan, VectorResult& result) {
    TestDevice device(plan, result);
    if (const Node* given = member(test, "given")) device.hold(*given);
    if (const Node* expected = member(test, "expect")) device.expect(*expected);
    std::vector<std::string> sent;
    if (const Node* values = member(test, "write")) device.write(*values, sent);
    if (const Node* action = member(test, "execute")) {
        const Node* arguments = member(test, "args");
        device.execute(action->written(), arguments != nullptr ? arguments->written() : "", sent);
    }
    if (const Node* expected = member(test, "sends")) device.compare(expected->items(), sent);
}

/// Parameters that neither the profile nor the test gives a value.
std::string left_open(const Node& root, const Node* with) {
    const Node* declared = member(root, "params");
    if (declared == nullptr) return {};
    for (const auto& parameter : declared->members()) {
        const Node* type = member(parameter.value, "type");
        const bool open = parameter.value.find("default") == nullptr && (type == nullptr || type->written() != "secret");
        if (open && (with == nullptr || with->find(parameter.key) == nullptr))
            return fmt::format("parameter '{0}' has no value; add with: {{{0}: …}}", parameter.key);
    }
    return {};
}

}  // namespace

std::size_t VectorRun::failed() const {
    return static_cast<std::size_t>(
        std::count_if(results.begin(), results.end(), [](const VectorResult& result) { return !result.passed(); }));
}

std::optional<VectorRun> run_vectors(const Node& root, const Bench& bench, Diagnostics& diagnostics) {
    const auto plain = compile_alone(root, nullptr, bench, diagnostics);
    if (!plain || plain->devices.empty()) return std::nullopt;
    VectorRun all;
    all.profile = plain->devices.front().type->profile;
    const Node* tests = member(root, "tests");
    if (tests == nullptr) return all;
    for (const auto& test : tests->items()) {
        VectorResult result;
        const Node* name = member(test, "name");
        result.name = name != nullptr ? name->written() : "";
        result.at = test.at();
        const Node* with = member(test, "with");
        if (auto open = left_open(root, with); !open.empty()) {
            result.differences.push_back(std::move(open));
        } else if (with == nullptr) {
            run(test, *plain, result);
        } else {
            Diagnostics mistakes;
            const auto plan = compile_alone(root, with, bench, mistakes);
            if (plan && !plan->devices.empty())
                run(test, *plan, result);
            else
                add_lines(mistakes, result);
        }
        all.results.push_back(std::move(result));
    }
    return all;
}

}  // namespace mapping
