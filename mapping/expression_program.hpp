#pragma once

#include "mapping/expression.hpp"

#include <array>
#include <string_view>

/// The inside of an Expression: between its parser and its machine.
namespace mapping {

enum class Op : std::uint8_t {
    constant,
    name,
    negate,
    add,
    subtract,
    multiply,
    divide,
    remainder,
    equal,
    unequal,
    less,
    less_equal,
    greater,
    greater_equal,
    both,
    either,
    inverse,
    choice,  // parts: value if true, condition, value if false
    least,
    most,
    absolute,
    rounded,
    floor,
    ceiling,
    root,
    exponential,
    logarithm,
    clamp,
    to_text,
    to_number,
    bits
};

struct Expression::Program {
    struct Part {
        Op op = Op::constant;
        std::uint16_t slot = 0;
        Value constant{};
        std::vector<std::uint32_t> parts{};  ///< places of its operands, each before this one
    };
    std::vector<Part> parts;  ///< the whole is the last
};

}  // namespace mapping
