#pragma once

#include "adapters/modbus/scanner.hpp"

namespace adapters::modbus {

/// One rule of `discover:` on a Modbus link.
struct DiscoveryRule {
    std::vector<std::uint8_t> units;
    base::Milliseconds every{std::chrono::hours(24)};
    double share = 0.02;
    std::map<std::string, std::string> identify;  ///< fact → pattern with * and ?
    std::optional<PointShape> serial;

    /// What a find may tell: `serial` only where the rule says in which register it stands.
    std::vector<std::string> facts() const;
};

/// Keys: units, every, share, identify, serial. Reports every mistake, then returns nothing.
std::optional<DiscoveryRule> read_rule(Fields& rule, bool serial_line);
bool matches(const DiscoveryRule&, const Words& facts);

/// The units that a scan looks at when nobody says which: all of a serial line; behind a host those that devices with
/// an address of their own have.
std::string_view usual_units(bool serial_line);

/// Looks for the devices of the rules, one rule after the other: first 10 s after the start, then as each says.
class Discovery {
public:
    using Known = std::function<std::optional<std::string>(std::uint8_t)>;
    Discovery(RequestQueue& queue, base::Timers& timers) : queue_(queue), timers_(timers), alarm_(timers) {}

    RuleId add(DiscoveryRule rule) {
        rules_.push_back({std::move(rule), {}});
        return static_cast<RuleId>(rules_.size() - 1);
    }
    const DiscoveryRule& rule(RuleId id) const { return rules_.at(id).rule; }
    void start(Sink&, Known known, base::Milliseconds timeout);
    void stop();
    /// A scan by hand goes before: what was begun is begun anew after resume(), a minute later.
    void yield();
    void resume();

private:
    struct Planned {
        DiscoveryRule rule;
        Instant next;
    };
    void plan();
    void look(std::size_t rule);

    RequestQueue& queue_;
    base::Timers& timers_;
    base::Timer alarm_;
    std::vector<Planned> rules_;
    Sink* sink_ = nullptr;
    Known known_;
    base::Milliseconds timeout_{};
    std::unique_ptr<Scanner> scanner_;
    std::size_t looking_ = 0;  // whose it is
    bool yielding_ = false;
};

}  // namespace adapters::modbus
