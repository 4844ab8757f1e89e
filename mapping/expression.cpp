#include "mapping/expression.hpp"

#include "mapping/expression_program.hpp"

#include <fmt/format.h>
#include <charconv>
#include <cmath>

namespace mapping {

/// Runs a program; every operation on something that is not there gives nothing.
class Expression::Machine {
public:
    Machine(const Program& program, const Inputs& inputs) : program_(program), inputs_(inputs) {}

    // As deep as the program has parts at most, that is 200.
    Value run(std::uint32_t place) const {
        const auto& part = program_.parts[place];
        switch (part.op) {
            case Op::constant: return finite(part.constant);  // a parameter may be 1e999
            case Op::name: return finite(inputs_(part.slot));
            case Op::negate: return number(part, 0, [](const Number& n) { return Number(Decimal{}) - n; });
            case Op::add: return add(run(part.parts[0]), run(part.parts[1]));
            case Op::subtract: return numbers(part, [](const Number& a, const Number& b) { return a - b; });
            case Op::multiply: return numbers(part, [](const Number& a, const Number& b) { return a * b; });
            case Op::divide: return numbers(part, [](const Number& a, const Number& b) { return a / b; });
            case Op::remainder: return numbers(part, remainder);
            case Op::equal:
            case Op::unequal: return equality(part);
            case Op::less:
            case Op::less_equal:
            case Op::greater:
            case Op::greater_equal: return comparison(part);
            case Op::both:
            case Op::either: {
                const auto first = boolean(part, 0);
                if (!first) return {};
                if (*first == (part.op == Op::either)) return *first;
                const auto second = boolean(part, 1);
                return second ? Value(*second) : Value{};
            }
            case Op::inverse: {
                const auto operand = boolean(part, 0);
                return operand ? Value(!*operand) : Value{};
            }
            case Op::choice: {
                const auto condition = boolean(part, 1);
                return condition ? run(part.parts[*condition ? 0 : 2]) : Value{};
            }
            default: return call(part);
        }
    }

private:
    static Value finite(Value value) {
        if (const auto* n = std::get_if<Number>(&value); n != nullptr && !n->finite()) return {};
        return value;
    }
    template <class F>
    Value number(const Program::Part& part, std::size_t which, F operation) const {
        const Value value = run(part.parts[which]);
        const auto* n = std::get_if<Number>(&value);
        return n != nullptr ? finite(Value(operation(*n))) : Value{};
    }
    template <class F>
    Value numbers(const Program::Part& part, F operation) const {
        const Value a = run(part.parts[0]), b = run(part.parts[1]);
        const auto *x = std::get_if<Number>(&a), *y = std::get_if<Number>(&b);
        return x != nullptr && y != nullptr ? finite(Value(operation(*x, *y))) : Value{};
    }
    std::optional<bool> boolean(const Program::Part& part, std::size_t which) const {
        const Value value = run(part.parts[which]);
        const auto* b = std::get_if<bool>(&value);
        return b != nullptr ? std::optional(*b) : std::nullopt;
    }

    static Value add(const Value& a, const Value& b) {
        if (const auto* x = std::get_if<Number>(&a), *y = std::get_if<Number>(&b); x != nullptr && y != nullptr)
            return finite(Value(*x + *y));
        const auto *s = std::get_if<std::string>(&a), *t = std::get_if<std::string>(&b);
        if (s == nullptr || t == nullptr || s->size() + t->size() > most_text) return {};
        return *s + *t;
    }

    /// Of the divisor's sign: -1 % 24 is 23.
    static Number remainder(const Number& a, const Number& b) {
        if (a.exact && b.exact && a.exact->is_integer() && b.exact->is_integer())
            if (const auto x = a.exact->rounded(), y = b.exact->rounded(); x && y && *y != 0) {
                if (*y == -1) return Number(Decimal{});
                const std::int64_t rest = *x % *y;
                return Number(Decimal{rest != 0 && (rest < 0) != (*y < 0) ? rest + *y : rest, 0});
            }
        if (b.approximate == 0) return Number::rough(std::nan(""));
        const double rest = std::fmod(a.approximate, b.approximate);
        return Number(rest != 0 && (rest < 0) != (b.approximate < 0) ? rest + b.approximate : rest);
    }

    Value equality(const Program::Part& part) const {
        const Value a = run(part.parts[0]), b = run(part.parts[1]);
        if (a.index() == 0 || b.index() == 0 || a.index() != b.index()) return {};
        return (a == b) == (part.op == Op::equal);
    }

    Value comparison(const Program::Part& part) const {
        const Value a = run(part.parts[0]), b = run(part.parts[1]);
        const auto *x = std::get_if<Number>(&a), *y = std::get_if<Number>(&b);
        if (x == nullptr || y == nullptr) return {};
        switch (part.op) {
            case Op::less: return *x < *y;
            case Op::less_equal: return *x <= *y;
            case Op::greater: return *x > *y;
            default: return *x >= *y;
        }
    }

    static Number rounded_to(const Number& n, std::int64_t digits) {
        const int power = static_cast<int>(digits);
        if (n.exact)
            if (const auto moved = *n.exact * Decimal{1, power})
                if (const auto whole = moved->rounded())
                    if (const auto back = Decimal{*whole, 0} * Decimal{1, -power}) return Number(*back);
        const double factor = std::pow(10.0, power), moved = std::round(n.approximate * factor);
        return std::isfinite(moved) ? Number(moved / factor) : n;
    }
    /// Down or up to a whole number, exact where the number is.
    static Number whole(const Number& n, bool up) {
        if (n.exact)
            if (const auto near = n.exact->rounded()) {
                const Number whole(Decimal{*near, 0});
                if (!up && whole > n) return whole - Number(Decimal{1, 0});
                if (up && whole < n) return whole + Number(Decimal{1, 0});
                return whole;
            }
        return Number(up ? std::ceil(n.approximate) : std::floor(n.approximate));
    }

    Value call(const Program::Part& part) const {
        switch (part.op) {
            case Op::absolute:
                return number(part, 0, [](const Number& n) { return n.approximate < 0 ? Number(Decimal{}) - n : n; });
            case Op::floor: return number(part, 0, [](const Number& n) { return whole(n, false); });
            case Op::ceiling: return number(part, 0, [](const Number& n) { return whole(n, true); });
            case Op::root: return number(part, 0, [](const Number& n) { return Number(std::sqrt(n.approximate)); });
            case Op::exponential: return number(part, 0, [](const Number& n) { return Number(std::exp(n.approximate)); });
            case Op::logarithm: return number(part, 0, [](const Number& n) { return Number(std::log(n.approximate)); });
            case Op::to_text: return to_text(run(part.parts[0]));
            case Op::to_number: return to_number(run(part.parts[0]));
            default: break;
        }
        std::vector<Number> arguments;
        for (const auto place : part.parts) {
            const Value value = run(place);
            const auto* n = std::get_if<Number>(&value);
            if (n == nullptr) return {};
            arguments.push_back(*n);
        }
        Number result = arguments[0];
        switch (part.op) {
            case Op::least:
                for (const auto& n : arguments)
                    if (n < result) result = n;
                return result;
            case Op::most:
                for (const auto& n : arguments)
                    if (n > result) result = n;
                return result;
            case Op::clamp:
                if (arguments[1] > arguments[2]) return {};
                if (result < arguments[1]) return arguments[1];
                if (result > arguments[2]) return arguments[2];
                return result;
            case Op::rounded: {
                const auto digits = arguments.size() > 1 ? integer_of(arguments[1]) : 0;
                if (!digits || *digits < -15 || *digits > 15) return {};
                return finite(Value(rounded_to(result, *digits)));
            }
            case Op::bits: return bits(arguments);
            default: return {};
        }
    }

    static Value to_text(const Value& value) {
        if (const auto* b = std::get_if<bool>(&value)) return std::string(*b ? "true" : "false");
        if (const auto* n = std::get_if<Number>(&value)) {
            if (n->exact && n->exact->is_integer())
                if (const auto whole = n->exact->rounded()) return fmt::format("{}", *whole);
            return number_text(n->approximate);
        }
        return value;
    }

    static Value to_number(const Value& value) {
        if (const auto* b = std::get_if<bool>(&value)) return Number(Decimal{*b ? 1 : 0, 0});
        const auto* text = std::get_if<std::string>(&value);
        if (text == nullptr) return value;
        std::string_view word = *text;
        while (!word.empty() && word.front() == ' ') word.remove_prefix(1);
        while (!word.empty() && word.back() == ' ') word.remove_suffix(1);
        if (const auto exact = Decimal::parse(word)) return finite(Value(Number(*exact)));
        double rough = 0;
        const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), rough);
        if (word.empty() || error != std::errc{} || end != word.data() + word.size()) return {};
        return finite(Value(Number::rough(rough)));
    }

    static Value bits(const std::vector<Number>& arguments) {
        const auto low = integer_of(arguments[1]), high = integer_of(arguments[2]);
        if (!low || !high || *low < 0 || *low > *high || *high > 63) return {};
        std::uint64_t whole = 0;
        if (arguments[0].approximate < 0) {
            const auto negative = integer_of(arguments[0]);
            if (!negative) return {};
            whole = static_cast<std::uint64_t>(*negative);
        } else if (const auto positive = unsigned_of(arguments[0])) {
            whole = *positive;
        } else {
            return {};
        }
        const auto count = static_cast<unsigned>(*high - *low + 1);
        const std::uint64_t field = count == 64 ? whole : whole >> *low & ((std::uint64_t{1} << count) - 1);
        const auto number = number_of(adapters::Scalar(field));
        return number ? Value(*number) : Value{};
    }

    const Program& program_;
    const Inputs& inputs_;
};

Expression::Value Expression::evaluate(const Inputs& inputs) const {
    if (!program_) return {};
    return Machine(*program_, inputs).run(static_cast<std::uint32_t>(program_->parts.size() - 1));
}

std::string_view name(Expression::Type type) {
    switch (type) {
        case Expression::Type::unknown: return "a value";
        case Expression::Type::number: return "a number";
        case Expression::Type::boolean: return "true or false";
        case Expression::Type::text: return "text";
    }
    return "a value";
}

}  // namespace mapping
