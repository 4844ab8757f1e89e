#pragma once

#include "mapping/type_parts.hpp"

#include <map>

namespace mapping {

/// Reads `groups:` and `points:` into the parts: binds addresses, conversions, periods, writes. What a point has to do with
/// others (`calc`, `exponent`) is left to finish_formulas(). Companions of whole instances are added by add_companions(),
/// when all else is in the table.
class PointReader {
public:
    explicit PointReader(TypeParts& parts) : parts_(parts) {}

    void read_groups(const base::Node& groups);
    void read(const base::Node::Member& point);
    void add_companions();

private:
    struct Group {
        std::optional<Milliseconds> every;
        bool at_start = false;
    };
    struct Whole {
        Goal goal;
        ResourceTable::Companions companions;
        base::SourceLoc at;
    };

    void read_period(base::Fields&, PointSpec&);
    std::string read_application(base::Fields&, const Goal*) const;
    void read_deadband(base::Fields&, PointSpec&, Sort) const;
    void check_write(base::Fields& point, base::Fields& write, const Goal*) const;
    void read_write(base::Fields& write, PointSpec&) const;
    std::optional<adapters::Kind> bind(base::Fields& point, base::Fields* write, PointSpec&);
    void refuse_without_address(base::Fields&) const;

    TypeParts& parts_;
    std::map<std::string, Group, std::less<>> groups_;
    std::vector<Whole> whole_;
};

/// A span of `key` within bounds, both inclusive; an error otherwise.
std::optional<Milliseconds> bounded_span(base::Fields&, std::string_view key, Milliseconds least, Milliseconds most);

}  // namespace mapping
