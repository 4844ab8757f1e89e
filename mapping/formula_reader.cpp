#include "mapping/formula_reader.hpp"

#include "mapping/evaluator.hpp"
#include "mapping/names.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <set>

namespace mapping {

using base::Fields;
using base::Node;
using Type = Expression::Type;
using Mistake = Expression::Mistake;

namespace {

/// Points that are made of points: so many in a row.
constexpr std::size_t most_chain = 32;

Type type_of(Sort sort) {
    switch (sort) {
        case Sort::boolean: return Type::boolean;
        case Sort::integer:
        case Sort::number: return Type::number;
        case Sort::text: return Type::text;
        case Sort::bytes:
        case Sort::unknown: return Type::unknown;
    }
    return Type::unknown;
}
Sort sort_of(Type type) {
    switch (type) {
        case Type::boolean: return Sort::boolean;
        case Type::number: return Sort::number;
        case Type::text: return Sort::text;
        case Type::unknown: return Sort::unknown;
    }
    return Sort::unknown;
}
Type type_of(lwm2m::Type type) {
    switch (type) {
        case lwm2m::Type::boolean: return Type::boolean;
        case lwm2m::Type::integer:
        case lwm2m::Type::unsigned_integer:
        case lwm2m::Type::floating:
        case lwm2m::Type::time: return Type::number;
        case lwm2m::Type::string:
        case lwm2m::Type::corelnk:
        case lwm2m::Type::objlnk: return Type::text;
        case lwm2m::Type::opaque:
        case lwm2m::Type::none: return Type::unknown;
    }
    return Type::unknown;
}

class Linker {
public:
    explicit Linker(TypeParts& parts) : parts_(parts), states_(parts.drafts.size()) {}

    void run() {
        const auto count = static_cast<std::uint16_t>(parts_.drafts.size());
        for (std::uint16_t number = 0; number < count; ++number) resolve(number);
        for (std::uint16_t number = 0; number < count; ++number) read_write_calc(number);
        for (std::uint16_t number = 0; number < count; ++number) collect_inputs(number);
        rest_the_unneeded();
        for (std::uint16_t number = 0; number < count; ++number) {
            auto& formula = states_[number].formula;
            if (formula.exponent || formula.calc || formula.write_calc || formula.monotonic)
                parts_.type.points[number].formula = std::make_shared<const Formula>(std::move(formula));
        }
        parts_.type.wiring = Wiring::of(parts_.type.points, std::move(order_));
    }

private:
    struct State {
        enum class Mark : std::uint8_t { fresh, open, done } mark = Mark::fresh;
        Formula formula{};
        Type type = Type::unknown;  // of its value, as others see it
        std::size_t links = 0;      // of the longest chain of points that it is made of
        std::string unit{};
    };

    Fields fields(std::uint16_t number) {
        const auto& draft = parts_.drafts[number];
        return {*draft.node, draft.what, parts_.diagnostics};
    }

    /// What a point is made of, its inputs first; what is wrong with it is told once.
    void resolve(std::uint16_t number) {
        State& state = states_[number];
        if (state.mark != State::Mark::fresh) return;
        state.mark = State::Mark::open;
        chain_.push_back(number);
        const auto& draft = parts_.drafts[number];
        state.type = type_of(draft.sort);
        state.unit = draft.unit;
        if (draft.node->find("exponent") != nullptr) read_exponent(number, state);
        if (draft.node->find("calc") != nullptr) read_calc(number, state);
        if (draft.node->find("monotonic") != nullptr) read_monotonic(number, state);
        if (state.formula.calc || state.formula.exponent) order_.push_back(number);
        chain_.pop_back();
        state.mark = State::Mark::done;
    }

    /// A point by its name in another one's formula; or why not.
    std::variant<std::uint16_t, Mistake> use(std::string_view name) {
        const auto wrong = [](std::string what, std::string remedy) {
            Mistake mistake;
            mistake.what = std::move(what);
            mistake.remedy = std::move(remedy);
            return mistake;
        };
        const auto number = parts_.find(name);
        if (!number) {
            auto [what, remedy] = parts_.no_point(name);
            return wrong(std::move(what), std::move(remedy));
        }
        if (states_[*number].mark == State::Mark::open) {
            std::string circle;
            for (auto at = std::find(chain_.begin(), chain_.end(), *number); at != chain_.end(); ++at)
                circle += parts_.type.points[*at].name + " → ";
            return wrong(fmt::format("a circle: {}{}", circle, name), "let one of them stand on its own");
        }
        const auto too_long = [&] {
            return wrong(fmt::format("over {} points in a row that are made of each other", most_chain),
                         "put some of them into one expression");
        };
        // The first keeps our own recursion in bounds.
        if (states_[*number].mark == State::Mark::fresh && chain_.size() >= most_chain) return too_long();
        const auto& draft = parts_.drafts[*number];
        if (!parts_.type.points[*number].readable)
            return wrong(fmt::format("point '{}' can only be written", name), "name a point that can be read");
        if (draft.sort == Sort::bytes && draft.node->find("calc") == nullptr)
            return wrong(fmt::format("point '{}' is bytes", name), "name a number, a text, or true or false");
        resolve(*number);
        if (chain_.empty()) return *number;  // a write: nothing is made of it
        auto& links = states_[chain_.back()].links;
        links = std::max(links, states_[*number].links + 1);
        if (links == most_chain) return too_long();  // told where it happens; what goes on from there is as wrong
        return *number;
    }

    const Parameter* parameter(std::string_view name) const {
        for (const auto& its : parts_.profile.parameters)
            if (its.name == name) return &its;
        return nullptr;
    }

    std::variant<Expression::Name, Mistake> meaning(std::string_view name, const Expression::Name& value) {
        if (name == "value") return value;
        const auto* its = parameter(name);
        if (its == nullptr) {
            auto point = use(name);
            if (auto* mistake = std::get_if<Mistake>(&point)) return std::move(*mistake);
            const auto number = std::get<std::uint16_t>(point);
            Expression::Name meant;
            meant.slot = number;
            meant.type = states_[number].type;
            meant.unit = states_[number].unit;
            return meant;
        }
        Mistake mistake;
        if (parts_.find(name)) {
            mistake.what = fmt::format("'{}' is a point and a parameter", name);
            mistake.remedy = "give one of them another name";
            return mistake;
        }
        const auto given = parts_.parameters.find(name);
        if (its->kind == Parameter::Kind::secret || given == parts_.parameters.end()) {
            mistake.what = fmt::format("the secret '{}' would be seen here", name);
            mistake.remedy = fmt::format("use it in the section {}: only", parts_.profile.protocol);
            return mistake;
        }
        Expression::Name constant;
        const Node& node = given->second;
        switch (node.kind()) {
            case Node::Kind::boolean:
                constant.type = Type::boolean;
                constant.constant = node.boolean();
                break;
            case Node::Kind::integer:
            case Node::Kind::number: {
                const auto exact = Decimal::parse(node.written());
                constant.type = Type::number;
                constant.constant = exact ? Number(*exact) : Number(node.number());
                break;
            }
            default:
                constant.type = Type::text;
                constant.constant = node.written();
                break;
        }
        return constant;
    }

    std::optional<Expression> compile(Fields& where, std::string_view key, const Expression::Name& value) {
        const Node* node = where.find(key);
        // A number or `true` alone is an expression too; YAML has taken it for a value.
        if (node->kind() == Node::Kind::list || node->kind() == Node::Kind::map || node->kind() == Node::Kind::null) {
            where.error(key, fmt::format("'{}' cannot be {}", key, node->kind_name()), "write what to work out: value * 2");
            return std::nullopt;
        }
        const Expression::Scope scope = [&](std::string_view name) { return meaning(name, value); };
        auto compiled = Expression::compile(node->written(), scope);
        if (auto* expression = std::get_if<Expression>(&compiled)) return std::move(*expression);
        const auto& mistake = std::get<Mistake>(compiled);
        where.error(key, fmt::format("'{}' {}:{}: {}", key, mistake.line, mistake.column, mistake.what), mistake.remedy);
        return std::nullopt;
    }

    void read_exponent(std::uint16_t number, State& state) {
        auto where = fields(number);
        state.type = Type::number;
        const auto name = where.text("exponent");
        if (!name) return;
        auto found = use(*name);
        if (const auto* mistake = std::get_if<Mistake>(&found)) return where.error("exponent", mistake->what, mistake->remedy);
        const auto its = std::get<std::uint16_t>(found);
        if (states_[its].type != Type::number && states_[its].type != Type::unknown)
            where.error("exponent", fmt::format("point '{}' is {}", *name, mapping::name(states_[its].type)),
                        "name the point that holds the power of ten");
        state.formula.exponent = its;
    }

    void read_calc(std::uint16_t number, State& state) {
        auto where = fields(number);
        const auto& draft = parts_.drafts[number];
        const bool addressed = parts_.type.points[number].index != no_index;
        Expression::Name value;
        value.slot = own_value;
        value.type = draft.node->find("exponent") != nullptr ? Type::number : type_of(draft.sort);
        auto calc = compile(where, "calc", value);
        state.type = Type::unknown;
        if (!calc) return;
        const auto& slots = calc->slots();
        if (!addressed && std::find(slots.begin(), slots.end(), own_value) != slots.end())
            where.error("calc", "'value' of a point without an address", "give it one, or name the points that it is made of");
        else if (slots.empty())
            where.error("calc", "'calc' names no point and no 'value': it is always the same",
                        "write the value with its point's name, or a fixed text under device:");
        if (!draft.unit.empty() && !calc->unit().empty() && draft.unit != calc->unit())
            where.error("calc", fmt::format("'calc' gives {}, and the unit is {}", calc->unit(), draft.unit),
                        "multiply by the factor between them, or correct unit:");
        state.type = calc->type();
        check_goal(where, sort_of(state.type), draft.goal ? &*draft.goal : nullptr);
        if (parts_.type.points[number].deadband > 0 && state.type != Type::number && state.type != Type::unknown)
            where.error("deadband", fmt::format("'deadband' on {}", mapping::name(state.type)), "it is for numbers: remove it");
        state.formula.calc = std::move(calc);
    }

    void read_monotonic(std::uint16_t number, State& state) {
        auto where = fields(number);
        const Node* node = where.map("monotonic");
        if (node == nullptr) return;
        if (state.type != Type::number && state.type != Type::unknown)
            where.error("monotonic", fmt::format("'monotonic' on {}", mapping::name(state.type)),
                        "it is for counters: remove it");
        Fields rule(*node, fmt::format("'monotonic' of {}", where.what()), parts_.diagnostics);
        Monotonic monotonic;
        monotonic.wraps = rule.number("wraps");
        if (monotonic.wraps && !(*monotonic.wraps > 0))
            rule.error("wraps", fmt::format("'wraps' is {}", rule.find("wraps")->written()),
                       "write the counter's greatest value, as a server sees it");
        rule.done();
        state.formula.monotonic = monotonic;
    }

    void read_write_calc(std::uint16_t number) {
        const auto& draft = parts_.drafts[number];
        const Node* write = draft.node->find("write");
        if (write == nullptr || write->kind() != Node::Kind::map || write->find("calc") == nullptr) return;
        if (!parts_.type.points[number].writable) return;
        Fields where(*write, fmt::format("'write' of {}", draft.what), parts_.diagnostics);
        Expression::Name value;
        value.slot = own_value;
        if (draft.goal) value.type = type_of(draft.goal->resource->type);
        auto calc = compile(where, "calc", value);
        if (!calc) return;
        const Type needed = type_of(draft.sort);
        const bool both_numeric = calc->type() != Type::text && needed != Type::text;
        if (calc->type() != Type::unknown && needed != Type::unknown && calc->type() != needed && !both_numeric)
            where.error(
                "calc",
                fmt::format("'calc' gives {}, and the device takes {}", mapping::name(calc->type()), mapping::name(needed)),
                "write number(a) or text(a)");
        states_[number].formula.write_calc = std::move(calc);
    }

    /// All points with an address that go into this one.
    void collect_inputs(std::uint16_t number) {
        std::set<std::uint16_t> seen{number}, addressed;
        std::vector<std::uint16_t> open{number};
        while (!open.empty()) {
            const auto& formula = states_[open.back()].formula;
            const bool itself = open.back() == number;
            open.pop_back();
            const auto visit = [&](std::uint16_t other) {
                if (other == own_value || !seen.insert(other).second) return;
                if (parts_.type.points[other].index != no_index) addressed.insert(other);
                open.push_back(other);
            };
            if (formula.exponent) visit(*formula.exponent);
            if (formula.calc)
                for (const auto slot : formula.calc->slots()) visit(slot);
            if (itself && formula.write_calc)
                for (const auto slot : formula.write_calc->slots()) visit(slot);
        }
        parts_.type.points[number].inputs.assign(addressed.begin(), addressed.end());
    }

    /// What nobody would see is not worth the bus's time.
    void rest_the_unneeded() {
        std::vector<bool> needed(parts_.drafts.size());
        for (std::size_t i = 0; i < needed.size(); ++i) {
            if (!parts_.drafts[i].seen && !parts_.type.points[i].writable) continue;
            if (parts_.drafts[i].seen) needed[i] = true;
            for (const auto input : parts_.type.points[i].inputs) needed[input] = true;
        }
        for (std::size_t i = 0; i < needed.size(); ++i) {
            auto& point = parts_.type.points[i];
            if (needed[i] && point.index != no_index) continue;
            point.period = Milliseconds{0};
            point.at_start = false;
        }
    }

    TypeParts& parts_;
    std::vector<State> states_;
    std::vector<std::uint16_t> chain_, order_;
};

}  // namespace

std::pair<std::string, std::string> TypeParts::no_point(std::string_view name) const {
    if (const auto site = overrides.find(name); site != overrides.end() && !site->second.use)
        return {fmt::format("needs point '{}', which the site leaves out", name), "leave this one out too, or keep that one"};
    std::vector<std::string_view> known;
    for (const auto& point : type.points)
        if (is_name(point.name)) known.push_back(point.name);
    for (const auto& parameter : profile.parameters) known.push_back(parameter.name);
    const auto near = base::nearest(name, known);
    return {fmt::format("there is no point '{}'", name),
            near.empty() ? "name a point of the profile" : fmt::format("did you mean '{}'?", near)};
}

void finish_formulas(TypeParts& parts) { Linker(parts).run(); }

}  // namespace mapping
