#include "lwm2m/codec/senml.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <charconv>
#include <cmath>

namespace lwm2m::codec {

namespace {

constexpr double version = 10;                                  // RFC 8428 4.4
constexpr std::int64_t relative_below = std::int64_t{1} << 28;  // seconds, RFC 8428 4.5.3
constexpr double most_seconds = 1e11;                           // some 3,000 years: milliseconds stay far inside 64 bits
constexpr std::size_t longest_name = 512;                       // a prefix of 255 and four ids are less

tl::unexpected<Error> wrong(std::string_view what) { return fail(Errc::bad_request, fmt::format("SenML: {}", what)); }

/// JSON's "5.0" and "1e3" as the exact integer they are; nothing when they are none or over 64 bits.
std::optional<Value> exact_integer(std::string_view text) {
    const bool negative = text.starts_with('-');
    if (negative) text.remove_prefix(1);
    std::int64_t exponent = 0;
    const auto e = text.find_first_of("eE");
    if (e != std::string_view::npos) {
        std::string_view digits = text.substr(e + 1);
        if (digits.starts_with('+')) digits.remove_prefix(1);
        const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), exponent);
        if (error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
        text = text.substr(0, e);
    }
    std::string digits(text.substr(0, text.find('.')));
    if (const auto point = text.find('.'); point != std::string_view::npos) {
        digits += text.substr(point + 1);
        exponent -= static_cast<std::int64_t>(text.size() - point - 1);
    }
    digits.erase(0, digits.find_first_not_of('0'));
    if (digits.empty()) return Value(std::int64_t{0});
    while (exponent < 0 && digits.back() == '0') {
        digits.pop_back();
        ++exponent;
    }
    if (exponent < 0 || exponent > 20) return std::nullopt;
    digits.append(static_cast<std::size_t>(exponent), '0');
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
    if (!negative) return number <= INT64_MAX ? Value(static_cast<std::int64_t>(number)) : Value(number);
    if (number > std::uint64_t{1} << 63) return std::nullopt;
    return Value(static_cast<std::int64_t>(~number + 1));
}

bool is_integer(Type type) { return type == Type::integer || type == Type::unsigned_integer || type == Type::time; }

/// Base name and base time hold until they are replaced (RFC 8428 4.1).
class Names {
public:
    void take(SenmlRecord& record) {
        if (record.base_name) base_name_ = std::move(*record.base_name);
        if (record.base_time) base_time_ = record.base_time;
    }
    Result<Target> name(const SenmlRecord& record) const {
        const std::string_view rest = record.name ? std::string_view(*record.name) : std::string_view();
        if (base_name_.size() + rest.size() > longest_name) return wrong("a name is too long");
        auto target = Target::parse(base_name_ + std::string(rest));
        if (!target) return tl::unexpected(in_payload(std::move(target.error())));
        return target;
    }
    /// A record that only sets the base: its name ends with the slash that the next one continues.
    bool only_base(const SenmlRecord& record) const {
        return !record.name && !record.value && (base_name_.empty() || (base_name_.size() > 1 && base_name_.back() == '/'));
    }
    Result<std::optional<WallTime>> time(const SenmlRecord& record) const {
        if (!base_time_ && !record.time) return std::nullopt;
        const double seconds = base_time_.value_or(0) + record.time.value_or(0);
        if (!(std::abs(seconds) <= most_seconds)) return wrong("a time is out of range");
        return WallTime(std::chrono::milliseconds(std::llround(seconds * 1000)));
    }

private:
    std::string base_name_;
    std::optional<double> base_time_;
};

}  // namespace

SenmlField senml_field(std::string_view label) {
    struct Label {
        std::string_view text;
        SenmlField field;
    };
    static constexpr Label labels[] = {
        {"n", SenmlField::n},   {"v", SenmlField::v},        {"vs", SenmlField::vs},       {"vb", SenmlField::vb},
        {"vd", SenmlField::vd}, {"vlo", SenmlField::vlo},    {"t", SenmlField::t},         {"bn", SenmlField::bn},
        {"bt", SenmlField::bt}, {"u", SenmlField::harmless}, {"bu", SenmlField::harmless}, {"bver", SenmlField::bver},
        {"bv", SenmlField::bv}, {"bs", SenmlField::bs},      {"s", SenmlField::ignored},   {"ut", SenmlField::ignored},
    };
    for (const Label& known : labels)
        if (known.text == label) return known.field;
    return label.ends_with('_') ? SenmlField::must_understand : SenmlField::ignored;
}

SenmlField senml_field(std::int64_t label) {
    static constexpr SenmlField fields[] = {SenmlField::bs,
                                            SenmlField::bv,
                                            SenmlField::harmless /* bu */,
                                            SenmlField::bt,
                                            SenmlField::bn,
                                            SenmlField::bver,
                                            SenmlField::n,
                                            SenmlField::harmless /* u */,
                                            SenmlField::v,
                                            SenmlField::vs,
                                            SenmlField::vb,
                                            SenmlField::ignored /* s */,
                                            SenmlField::t,
                                            SenmlField::ignored /* ut */,
                                            SenmlField::vd};
    if (label < -6 || label > 8) return SenmlField::ignored;
    return fields[label + 6];
}

Result<void> SenmlRecord::set(SenmlField field, Value found) {
    if (field == SenmlField::must_understand) return wrong("a field that must be understood, and is not");
    if (field != SenmlField::harmless && field != SenmlField::ignored) {
        const std::uint32_t bit = 1U << static_cast<unsigned>(field);
        if ((seen_ & bit) != 0) return wrong("the same field twice in a record");
        seen_ |= bit;
    }
    const auto number_of = [&found]() -> std::optional<double> {
        const auto real = numeric(found);
        return real && std::isfinite(*real) ? real : std::nullopt;
    };
    bool right_kind = true;
    switch (field) {
        case SenmlField::bn:
        case SenmlField::n:
            right_kind = std::holds_alternative<std::string>(found);
            if (right_kind) (field == SenmlField::n ? name : base_name) = std::move(std::get<std::string>(found));
            break;
        case SenmlField::bt:
        case SenmlField::t: {
            const auto seconds = number_of();
            right_kind = seconds.has_value();
            (field == SenmlField::t ? time : base_time) = seconds;
            break;
        }
        case SenmlField::bver: {
            only_names = false;
            const auto stated = number_of();
            if (!stated || *stated > version) return wrong("a version above 10");
            break;
        }
        case SenmlField::bv:
        case SenmlField::bs:
            only_names = false;
            if (number_of() != 0.0) return wrong("base values and base sums are not supported");
            break;
        case SenmlField::v:
        case SenmlField::vs:
        case SenmlField::vb:
        case SenmlField::vd:
        case SenmlField::vlo:
            only_names = false;
            if (value) return wrong("two values in a record");
            if (field == SenmlField::v)
                right_kind = numeric(found).has_value() || std::holds_alternative<std::monostate>(found);
            if (field == SenmlField::vs) right_kind = std::holds_alternative<std::string>(found);
            if (field == SenmlField::vb) right_kind = std::holds_alternative<bool>(found);
            if (field == SenmlField::vd) right_kind = std::holds_alternative<Bytes>(found);
            if (field == SenmlField::vlo) {
                auto link = coerce(std::move(found), Type::objlnk);
                if (!link) return tl::unexpected(std::move(link.error()));
                found = std::move(*link);
            }
            value = std::move(found);
            break;
        case SenmlField::ignored: only_names = false; break;
        case SenmlField::harmless:
        case SenmlField::must_understand: break;
    }
    if (!right_kind) return wrong("a field has a value of the wrong kind");
    return {};
}

Result<void> decode_senml(SenmlParser parse, ByteView payload, bool etch, Collector& collector) {
    Names names;
    return parse(payload, [&](SenmlRecord&& record) -> Result<void> {
        const bool has_base = record.base_name || record.base_time;
        names.take(record);
        if (!record.value) {
            if (has_base && !record.name) return {};
            return wrong("a record without a value");
        }
        auto named = names.name(record);
        if (!named) return tl::unexpected(std::move(named.error()));
        auto target = collector.place(std::move(*named));
        if (!target) return tl::unexpected(std::move(target.error()));
        if (std::holds_alternative<std::monostate>(*record.value)) {
            if (!etch) return wrong("null is no value");
            return collector.remove(std::move(*target));
        }
        const ResourceDef* definition = collector.definition(*target);
        if (!record.number.empty() && definition != nullptr && is_integer(definition->type)) {
            auto exact = exact_integer(record.number);
            if (!exact) return fail(Errc::bad_request, fmt::format("{}: not an integer of up to 64 bits", target->str()));
            record.value = std::move(exact);
        }
        const auto at = names.time(record);
        if (!at) return tl::unexpected(at.error());
        return collector.add(std::move(*target), definition, std::move(*record.value), *at);
    });
}

Result<std::vector<Target>> decode_senml_targets(SenmlParser parse, ByteView payload) {
    Names names;
    std::vector<Target> targets;
    auto parsed = parse(payload, [&](SenmlRecord&& record) -> Result<void> {
        if (!record.only_names) return wrong("a pack of names has another field");
        if (targets.size() == Collector::most_records) return wrong("over 10,000 records");
        names.take(record);
        if (names.only_base(record)) return {};
        auto target = names.name(record);
        if (!target) return tl::unexpected(std::move(target.error()));
        targets.push_back(std::move(*target));
        return {};
    });
    if (!parsed) return tl::unexpected(std::move(parsed.error()));
    // Each target at most once in the answer (RFC 8790 3.1), in the order of the request.
    std::vector<const Target*> sorted;
    for (const Target& target : targets) sorted.push_back(&target);
    std::stable_sort(sorted.begin(), sorted.end(), [](const Target* a, const Target* b) { return *a < *b; });
    const auto last = std::unique(sorted.begin(), sorted.end(), [](const Target* a, const Target* b) { return *a == *b; });
    if (last == sorted.end()) return targets;
    std::sort(sorted.begin(), last);  // by address: the order of the request
    std::vector<Target> once;
    for (auto it = sorted.begin(); it != last; ++it) once.push_back(**it);
    return once;
}

SenmlTimes::SenmlTimes(const std::vector<const Entry*>& entries, bool with_time) {
    if (!with_time || entries.empty()) return;
    each_ = true;
    bool all = true;
    bool same = true;
    for (const Entry* entry : entries) {
        all = all && of(*entry);
        same = same && entry->at == entries[0]->at;
    }
    if (!all) return;
    each_ = !same;
    base = entries[0]->at->time_since_epoch().count();
    if (!same) *base -= *base % 1000;
}

std::optional<std::int64_t> SenmlTimes::of(const Entry& entry) const {
    if (!each_ || !entry.at) return std::nullopt;
    const std::int64_t milliseconds = entry.at->time_since_epoch().count();
    if (milliseconds < 1000 * relative_below) return std::nullopt;
    if (base && milliseconds == *base) return std::nullopt;
    return milliseconds - base.value_or(0);
}

SenmlNames::SenmlNames(const Content& content) : content_(&content), base_(content.base.str()) {
    const Path::Level level = content.base.path.level();
    several_trees_ = content.base.prefix.empty() && level == Path::Level::root;
    const bool deeper =
        content.base_is_multiple || std::any_of(content.entries.begin(), content.entries.end(),
                                                [level](const Entry& entry) { return entry.target.path.level() > level; });
    const bool itself = level >= Path::Level::resource && !deeper;
    if (!itself && !base_.ends_with('/')) base_ += '/';
}

bool SenmlNames::has(const Entry& entry) const {
    return !std::holds_alternative<std::monostate>(entry.value) && entry.target.path.level() >= Path::Level::resource &&
           content_->base.path.covers(entry.target.path) &&
           (base_.back() != '/' || entry.target.path.level() > content_->base.path.level());
}

SenmlNames::Name SenmlNames::of(const Entry& entry) const {
    Name name;
    if (several_trees_) name.prefix = entry.target.prefix;
    char* end = name.text.data();
    for (const std::uint16_t id : entry.target.path.ids().subspan(content_->base.path.ids().size())) {
        if (end != name.text.data() || !name.prefix.empty()) *end++ = '/';
        end = std::to_chars(end, name.text.data() + name.text.size(), id).ptr;
    }
    name.size = static_cast<std::size_t>(end - name.text.data());
    return name;
}

}  // namespace lwm2m::codec
