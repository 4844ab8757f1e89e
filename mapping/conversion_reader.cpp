#include "mapping/conversion_reader.hpp"

#include <fmt/format.h>
#include <charconv>
#include <cmath>

namespace mapping {

using adapters::Kind;
using adapters::Scalar;
using base::Fields;
using base::Node;
using lwm2m::Type;

namespace {

Sort sort_of(std::optional<Kind> kind) {
    if (!kind) return Sort::unknown;
    switch (*kind) {
        case Kind::boolean: return Sort::boolean;
        case Kind::float16:
        case Kind::float32:
        case Kind::float64: return Sort::number;
        case Kind::string: return Sort::text;
        case Kind::bytes: return Sort::bytes;
        default: return Sort::integer;
    }
}

Sort sort_of(const Scalar& value) {
    if (std::holds_alternative<bool>(value)) return Sort::boolean;
    if (std::holds_alternative<double>(value)) return Sort::number;
    if (std::holds_alternative<std::string>(value)) return Sort::text;
    if (std::holds_alternative<base::Bytes>(value)) return Sort::bytes;
    return Sort::integer;
}

bool is_number(const Node& node) { return node.kind() == Node::Kind::integer || node.kind() == Node::Kind::number; }

std::optional<std::uint64_t> hex_of(const Node& node) {
    const auto& written = node.written();
    if (!is_number(node) || written.size() < 3 || written[0] != '0' || written[1] != 'x') return std::nullopt;
    std::uint64_t bits = 0;
    const auto [end, error] = std::from_chars(written.data() + 2, written.data() + written.size(), bits, 16);
    if (error != std::errc{} || end != written.data() + written.size()) return std::nullopt;
    return bits;
}

class Reader {
public:
    Reader(Fields& point, Fields* write, std::optional<Kind> kind, const Goal* goal, std::string own_unit)
        : point_(point), write_(write), goal_(goal), sort_(sort_of(kind)), own_unit_(std::move(own_unit)) {
        rules_.kind = kind;
        if (goal != nullptr) rules_.type = goal->resource->type;
        calc_ = point.has("calc");
    }

    std::optional<ReadConversion> read() {
        const std::size_t before = point_.diagnostics().count();
        const bool as_it_comes = !calc_ && !point_.has("scale") && !point_.has("offset") && !point_.has("exponent") &&
                                 !point_.has("map") && !point_.has("bit") && !point_.has("bits");
        rules_.unit = point_.text("unit").value_or(as_it_comes ? own_unit_ : "");
        read_invalid();
        read_bits();
        read_map();
        read_scale();
        if (point_.has("exponent")) {
            if (!is_numeric(sort_))
                point_.error("exponent", fmt::format("'exponent' on {}", sort_name(sort_)), "it is for numbers: remove it");
            sort_ = Sort::number;
        }
        read_range();
        const std::size_t before_goal = point_.diagnostics().count();
        if (!calc_) check_goal(point_, sort_, goal_);
        if (goal_ != nullptr && point_.diagnostics().count() == before_goal) check_map();
        if (write_ != nullptr) read_limits();
        if (point_.diagnostics().count() != before) return std::nullopt;
        return ReadConversion{std::make_shared<const Conversion::Rules>(std::move(rules_)), sort_};
    }

private:
    void read_invalid() {
        if (rules_.kind == Kind::sunssf) rules_.invalid.emplace_back(std::int64_t{-32768});  // SunSpec: not implemented
        const auto* list = point_.list("invalid");
        if (list == nullptr) return;
        for (const auto& item : *list) {
            const auto fail = [&](std::string_view what, std::string_view remedy) {
                point_.diagnostics().error(item.at(), fmt::format("{}: 'invalid': {}", point_.what(), what), remedy);
            };
            const auto bits = hex_of(item);
            if (bits && rules_.kind && is_bits_kind(*rules_.kind)) {
                const unsigned width = adapters::width(*rules_.kind);
                if (width < 64 && *bits >> width != 0) {
                    fail(fmt::format("{} has more than the {} bits of {}", item.written(), width, adapters::name(*rules_.kind)),
                         "write the bits as the device sends them");
                    continue;
                }
                base::Bytes wire(width / 8);
                for (std::size_t i = 0; i < wire.size(); ++i)
                    wire[wire.size() - 1 - i] = static_cast<std::uint8_t>(*bits >> 8 * i);
                auto value = adapters::decode({*rules_.kind, static_cast<std::uint16_t>(wire.size()), {}}, wire);
                if (value)
                    rules_.invalid.push_back(std::move(*value));
                else
                    fail(fmt::format("{} is no {}", item.written(), adapters::name(*rules_.kind)),
                         "write a value that the device can send");
                continue;
            }
            auto value = scalar_of(item);
            if (!value)
                fail(fmt::format("{} is no value", item.kind_name()), "write a number, or the bits such as 0x8000");
            else if (sort_ == Sort::text && sort_of(*value) != Sort::text)
                fail(fmt::format("{} can never come from text", item.written()),
                     fmt::format("write it in quotes: \"{}\"", item.written()));
            else if (is_numeric(sort_) && sort_ != Sort::unknown && sort_of(*value) == Sort::text)
                fail(fmt::format("\"{}\" can never come from a number", item.written()),
                     "write a number, or the bits such as 0x8000");
            else
                rules_.invalid.push_back(std::move(*value));
        }
    }

    static bool is_bits_kind(Kind kind) { return kind != Kind::string && kind != Kind::bytes && kind != Kind::boolean; }

    void read_bits() {
        const unsigned width = rules_.kind && is_integer_kind(*rules_.kind) ? adapters::width(*rules_.kind) : 64;
        const char* key = nullptr;
        if (const auto bit = point_.integer("bit", 0, width - 1)) {
            key = "bit";
            rules_.bits = {static_cast<std::uint8_t>(*bit), static_cast<std::uint8_t>(*bit)};
            rules_.single_bit = true;
        }
        if (const auto* list = point_.list("bits")) {
            if (key != nullptr) point_.error("bits", "'bit' and 'bits' together", "keep one of them");
            key = "bits";
            const auto good = [&](const Node& n) {
                return n.kind() == Node::Kind::integer && n.integer() >= 0 && n.integer() < width;
            };
            if (list->size() == 2 && good((*list)[0]) && good((*list)[1]) && (*list)[0].integer() <= (*list)[1].integer())
                rules_.bits = {static_cast<std::uint8_t>((*list)[0].integer()),
                               static_cast<std::uint8_t>((*list)[1].integer())};
            else
                point_.error("bits", "'bits' must be the lowest and the highest bit",
                             fmt::format("write bits: [0, 3]; bits count from 0 to {}", width - 1));
        }
        if (key == nullptr) return;
        if (sort_ != Sort::integer && sort_ != Sort::unknown)
            point_.error(key, fmt::format("'{}' of {}", key, sort_name(sort_)),
                         "bits are in whole numbers: write type: uint16");
        sort_ = rules_.single_bit ? Sort::boolean : Sort::integer;
    }

    void read_map() {
        const Node* map = point_.map("map");
        if (map == nullptr) return;
        if (map->members().empty())
            point_.error("map", "'map' is empty", "write device value: server value, such as {0: false, 1: true}");
        std::optional<Sort> result;
        for (const auto& member : map->members()) {
            // A key is text to YAML; it means what it would mean as a value, unless the device says text.
            const auto key =
                sort_ == Sort::text ? std::optional<Scalar>(member.key) : scalar_of(Node::plain(member.at, member.key));
            const auto value = scalar_of(member.value);
            const auto fail = [&](const base::SourceLoc& at, std::string_view what, std::string_view remedy) {
                point_.diagnostics().error(at, fmt::format("{}: 'map': {}", point_.what(), what), remedy);
            };
            if (!value) {
                fail(member.value.at(), fmt::format("'{}' leads to {}", member.key, member.value.kind_name()),
                     "write a number, true or false, or a text");
                continue;
            }
            if (!key || (is_numeric(sort_) && sort_ != Sort::unknown && sort_of(*key) == Sort::text)) {
                fail(member.at, fmt::format("'{}' can never come from {}", member.key, sort_name(sort_)),
                     "write the number that the device sends");
                continue;
            }
            for (const auto& [other, ignored] : rules_.map)
                if (same(other, *key)) fail(member.at, fmt::format("'{}' stands twice", member.key), "keep one of them");
            rules_.map.emplace_back(*key, *value);
            const Sort sort = sort_of(*value);
            if (!result || *result == sort)
                result = sort;
            else if (is_numeric(*result) && is_numeric(sort))
                result = Sort::number;
            else
                fail(member.value.at(), fmt::format("{} and {} in one map", sort_name(*result), sort_name(sort)),
                     "write values of one kind");
        }
        if (result) sort_ = *result;
    }

    std::optional<Decimal> decimal(std::string_view key) {
        const auto number = point_.number(key);
        if (!number) return std::nullopt;
        if (!is_numeric(sort_)) {
            point_.error(key, fmt::format("'{}' on {}", key, sort_name(sort_)),
                         "it is for numbers: remove it, or correct type:");
            return std::nullopt;
        }
        const auto exact = Decimal::parse(point_.node().find(key)->written());
        return exact ? exact : Decimal::of(*number);
    }

    void read_scale() {
        rules_.scale = decimal("scale");
        if (rules_.scale && rules_.scale->mantissa == 0) point_.error("scale", "'scale' is 0", "write the factor, such as 0.1");
        rules_.offset = decimal("offset");
        if (rules_.scale || rules_.offset) sort_ = Sort::number;
    }

    void read_range() {
        const auto* list = point_.list("range");
        if (list == nullptr) return;
        if (list->size() != 2 || !is_number((*list)[0]) || !is_number((*list)[1]) ||
            !((*list)[0].number() < (*list)[1].number())) {
            point_.error("range", "'range' must be the least and the greatest possible value", "write range: [-40, 125]");
            return;
        }
        rules_.range = {(*list)[0].number(), (*list)[1].number()};
    }

    /// Can each value of the map be the resource's?
    void check_map() {
        if (calc_ || rules_.map.empty() || rules_.scale || rules_.offset || rules_.type == Type::none) return;
        const Node* map = point_.node().find("map");
        for (const auto& member : map->members())
            if (const auto value = scalar_of(member.value)) {
                const bool fits =
                    rules_.type == Type::boolean ? same(*value, Scalar(true)) || same(*value, Scalar(false))
                    : rules_.type == Type::integer || rules_.type == Type::unsigned_integer || rules_.type == Type::time
                        ? sort_of(*value) != Sort::number || member.value.number() == std::floor(member.value.number())
                        : true;
                if (!fits)
                    point_.diagnostics().error(member.value.at(),
                                               fmt::format("{}: 'map': {} cannot be the value of {}", point_.what(),
                                                           scalar_text(*value), goal_->str()),
                                               fmt::format("it takes {}", lwm2m::name(rules_.type)));
            }
    }

    void read_limits() {
        const bool numeric = calc_ || is_numeric(sort_);
        rules_.least = write_->number("min");
        rules_.most = write_->number("max");
        const auto step = write_->number("step");
        if (step) {
            rules_.step = Decimal::parse(write_->node().find("step")->written());
            if (!rules_.step) rules_.step = Decimal::of(*step);
            if (!(*step > 0))
                write_->error("step", fmt::format("'step' is {}", write_->node().find("step")->written()),
                              "write a number over 0");
        }
        if (!numeric)
            for (const auto* key : {"min", "max", "step"})
                if (write_->has(key))
                    write_->error(key, fmt::format("'{}' on {}", key, sort_name(sort_)), "it is for numbers: remove it");
        if (rules_.least && rules_.most && *rules_.least > *rules_.most)
            write_->error("max", "'max' is below 'min'", "exchange them");
        if (goal_ == nullptr) return;
        // The narrower of the profile's limits and the object's.
        const auto& resource = *goal_->resource;
        if (resource.least && (!rules_.least || *rules_.least < *resource.least)) rules_.least = resource.least;
        if (resource.most && (!rules_.most || *rules_.most > *resource.most)) rules_.most = resource.most;
    }

    Fields& point_;
    Fields* write_;
    const Goal* goal_;
    Sort sort_;
    std::string own_unit_;
    bool calc_ = false;  // what a server sees is worked out later
    Conversion::Rules rules_;
};

}  // namespace

std::string_view sort_name(Sort sort) {
    switch (sort) {
        case Sort::unknown: return "a value";
        case Sort::boolean: return "true or false";
        case Sort::integer: return "a whole number";
        case Sort::number: return "a number";
        case Sort::text: return "text";
        case Sort::bytes: return "bytes";
    }
    return "a value";
}

bool is_numeric(Sort sort) { return sort == Sort::integer || sort == Sort::number || sort == Sort::unknown; }

void check_goal(Fields& point, Sort sort, const Goal* goal) {
    if (point.has("range") && !is_numeric(sort))
        point.error("range", fmt::format("'range' on {}", sort_name(sort)), "it is for numbers: remove it");
    if (goal == nullptr || sort == Sort::unknown) return;
    const auto wrong = [&](std::string_view remedy) {
        point.error(
            "to",
            fmt::format("{} takes {}, this point gives {}", goal->str(), lwm2m::name(goal->resource->type), sort_name(sort)),
            point.has("calc") ? "let the expression give it: text(a), number(a), a != 0" : remedy);
    };
    switch (goal->resource->type) {
        case Type::integer:
        case Type::unsigned_integer:
        case Type::floating:
        case Type::time:
            if (sort == Sort::text || sort == Sort::bytes)
                wrong(sort == Sort::bytes ? "say what the bytes are: type: uint16"
                                          : "map to a resource for text, or translate it with map: {\"ON\": 1}");
            break;
        case Type::boolean:
            if (sort == Sort::text || sort == Sort::bytes) wrong("translate it with map: {\"ON\": true, \"OFF\": false}");
            if (sort == Sort::number) wrong("map to a resource for numbers");
            break;
        case Type::string:
        case Type::corelnk:
        case Type::objlnk:
            if (sort != Sort::text) wrong("write type: string, or translate it with map: {0: \"off\", 1: \"on\"}");
            break;
        case Type::opaque:
            if (sort != Sort::bytes) wrong("write type: bytes");
            break;
        case Type::none: break;
    }
}

std::optional<Kind> written_kind(const Node& point) {
    const Node* type = point.find("type");
    if (type == nullptr) return std::nullopt;
    for (auto kind = static_cast<std::uint8_t>(Kind::boolean); kind <= static_cast<std::uint8_t>(Kind::bytes); ++kind)
        if (adapters::name(static_cast<Kind>(kind)) == type->written()) return static_cast<Kind>(kind);
    return std::nullopt;
}

std::optional<ReadConversion> read_conversion(Fields& point, Fields* write, std::optional<Kind> kind, const Goal* goal,
                                              std::string own_unit) {
    return Reader(point, write, kind, goal, std::move(own_unit)).read();
}

std::optional<Scalar> scalar_of(const Node& node) {
    switch (node.kind()) {
        case Node::Kind::boolean: return Scalar(node.boolean());
        case Node::Kind::integer: return Scalar(node.integer());
        case Node::Kind::number:
            if (const auto bits = hex_of(node)) return Scalar(*bits);
            return Scalar(node.number());
        case Node::Kind::text: return Scalar(node.written());
        case Node::Kind::null:
        case Node::Kind::list:
        case Node::Kind::map: return std::nullopt;
    }
    return std::nullopt;
}

}  // namespace mapping
