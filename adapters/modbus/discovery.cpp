#include "adapters/modbus/discovery.hpp"

#include "gateway/base/pattern.hpp"

#include <algorithm>
#include <charconv>

namespace adapters::modbus {

using base::Node;

namespace {

using namespace std::chrono_literals;
constexpr auto first_look = 10s, after_yield = 60s, shortest = 10s;
constexpr std::size_t most_pattern = 200;

void read_patterns(const Node& node, Fields& rule, DiscoveryRule& read) {
    auto known = identify_names();
    known.push_back("server_id");
    for (const auto& member : node.members()) {
        if (std::find(known.begin(), known.end(), member.key) == known.end()) {
            const auto near = base::nearest(member.key, known);
            rule.diagnostics().error(member.at, fmt::format("{}: identify: no device tells its '{}'", rule.what(), member.key),
                                     near.empty()
                                         ? std::string("write vendor, product, revision, url, name, model, application "
                                                       "or server_id")
                                         : fmt::format("did you mean '{}'?", near));
        } else if (member.value.written().empty() || member.value.written().size() > most_pattern) {
            rule.diagnostics().error(member.value.at(),
                                     fmt::format("{}: identify: '{}' must be a text", rule.what(), member.key),
                                     "write a text; * stands for anything: \"Acme*\"");
        } else {
            read.identify[member.key] = member.value.written();
        }
    }
}

void read_serial(const Node& node, Fields& rule, DiscoveryRule& read) {
    Fields fields(node, rule.what() + ": serial", rule.diagnostics());
    Shape shape;
    if (const auto addressing = fields.choice("addresses", addressing_names()))
        shape.addressing = static_cast<Addressing>(*addressing);
    auto point = read_point(shape, fields, nullptr, {true, false});
    if (point && point->object) fields.error("identify", "43/14 knows no serial number", "write at: and type:");
    fields.done();
    read.serial = std::move(point);
}

}  // namespace

std::string_view usual_units(bool serial_line) { return serial_line ? "1-247" : "1,255"; }

bool matches(const DiscoveryRule& rule, const Words& facts) {
    return std::all_of(rule.identify.begin(), rule.identify.end(), [&](const auto& wish) {
        const auto fact = facts.find(wish.first);
        return fact != facts.end() && base::fits_pattern(wish.second, fact->second);
    });
}

std::vector<std::string> DiscoveryRule::facts() const {
    std::vector<std::string> names{"unit", "server_id"};
    if (serial) names.emplace_back("serial");
    for (const auto name : identify_names()) names.emplace_back(name);
    return names;
}

std::optional<DiscoveryRule> read_rule(Fields& rule, bool serial_line) {
    const std::size_t before = rule.diagnostics().count();
    DiscoveryRule read;
    const int least = serial_line ? 1 : 0, most = serial_line ? 247 : 255;
    read.units = parse_units(usual_units(serial_line), least, most).value_or(std::vector<std::uint8_t>{});
    if (const Node* units = rule.find("units")) {
        const bool scalar = units->kind() == Node::Kind::text || units->kind() == Node::Kind::integer;
        auto list = scalar ? parse_units(units->written(), least, most) : std::nullopt;
        if (list)
            read.units = std::move(*list);
        else
            rule.error("units", fmt::format("'units' cannot be {}", scalar ? units->written() : units->kind_name()),
                       fmt::format("write units from {} to {}: 1-32, or 1,5,7-9", least, most));
    }
    if (const auto every = rule.span("every")) {
        if (*every >= shortest && *every <= std::chrono::hours(24 * 366))
            read.every = std::chrono::duration_cast<base::Milliseconds>(*every);
        else
            rule.error("every", fmt::format("'every' is {}, out of range", base::span_text(*every)),
                       "write a span from 10s to 366d");
    }
    if (const Node* share = rule.find("share")) {
        if (const auto part = parse_share(share->written()))
            read.share = *part;
        else
            rule.error("share", "'share' must be a part of the link's time", "write it in percent: 2%");
    }
    if (const Node* identify = rule.map("identify")) read_patterns(*identify, rule, read);
    if (const Node* serial = rule.map("serial")) read_serial(*serial, rule, read);
    if (rule.diagnostics().count() != before) return std::nullopt;
    return read;
}

void Discovery::start(Sink& sink, Known known, base::Milliseconds timeout) {
    sink_ = &sink;
    known_ = std::move(known);
    timeout_ = timeout;
    for (auto& planned : rules_) planned.next = timers_.now() + first_look;
    plan();
}

void Discovery::stop() {
    alarm_.cancel();
    scanner_.reset();
    sink_ = nullptr;
}

void Discovery::yield() {
    yielding_ = true;
    alarm_.cancel();
    if (!scanner_) return;
    scanner_.reset();
    rules_[looking_].next = timers_.now();
}

void Discovery::resume() {
    yielding_ = false;
    for (auto& planned : rules_) planned.next = std::max(planned.next, timers_.now() + after_yield);
    plan();
}

void Discovery::plan() {
    if (rules_.empty() || sink_ == nullptr || scanner_ || yielding_) return;
    const auto soonest =
        std::min_element(rules_.begin(), rules_.end(), [](const auto& a, const auto& b) { return a.next < b.next; });
    alarm_.set(soonest->next, [this, rule = static_cast<std::size_t>(soonest - rules_.begin())] { look(rule); });
}

void Discovery::look(std::size_t number) {
    const DiscoveryRule& rule = rules_[number].rule;
    ScanPlan scan;
    scan.units = rule.units;
    scan.share = rule.share;
    scan.timeout = timeout_;
    scan.serial = rule.serial;
    scan.wanted = [&rule](const Words& facts) { return matches(rule, facts); };
    scan.known = known_;
    rules_[number].next = timers_.now() + rule.every;
    looking_ = number;
    scanner_ = std::make_unique<Scanner>(
        queue_, timers_, std::move(scan),
        [this, number](Found found) { sink_->found(static_cast<RuleId>(number), std::move(found)); }, nullptr,
        [this, number](const Result<void>& result) {
            if (!result) rules_[number].next = std::min(rules_[number].next, timers_.now() + after_yield);
            queue_.later([this] {
                scanner_.reset();
                plan();
            });
        });
    scanner_->start();
}

}  // namespace adapters::modbus
