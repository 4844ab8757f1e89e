#pragma once

#include "mapping/number.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

/// `calc`: numbers, booleans, text; + - * / %, comparisons, and or not, a if c else b, functions. No loops, no
/// assignment, no calls outside; at most 200 parts, 32 deep. Numbers stay exact while they can.
namespace mapping {

class Expression {
public:
    static constexpr std::size_t most_parts = 200, most_depth = 32, most_source = 4096, most_text = 1024;

    enum class Type : std::uint8_t { unknown, number, boolean, text };
    /// monostate: no value.
    using Value = std::variant<std::monostate, Number, bool, std::string>;

    /// What a name means.
    struct Name {
        std::uint16_t slot = 0;  ///< what evaluate() asks for; not used for a constant
        Type type = Type::unknown;
        std::string unit;                 ///< empty: not known
        std::optional<Value> constant{};  ///< a parameter
    };
    struct Mistake {
        std::size_t line = 1, column = 1;  ///< in the expression
        std::string what, remedy;
    };
    /// Nothing: there is no such name; may say so itself in its Mistake (line and column are filled in).
    using Scope = std::function<std::variant<Name, Mistake>(std::string_view name)>;

    static std::variant<Expression, Mistake> compile(std::string_view source, const Scope& scope);

    Type type() const { return type_; }
    const std::string& unit() const { return unit_; }  ///< empty: not known
    /// Slots of the names in it, each once, ascending.
    const std::vector<std::uint16_t>& slots() const { return slots_; }

    /// No value when an input that counts has none, a type does not fit, a number is not finite (division by zero) or a
    /// text grows over `most_text`. Asks only for what counts: of `a if c else b` one side.
    using Inputs = std::function<Value(std::uint16_t slot)>;
    Value evaluate(const Inputs& inputs) const;

private:
    struct Program;
    class Parser;
    class Machine;
    std::shared_ptr<const Program> program_;
    Type type_ = Type::unknown;
    std::string unit_;
    std::vector<std::uint16_t> slots_;
};

std::string_view name(Expression::Type);

}  // namespace mapping
