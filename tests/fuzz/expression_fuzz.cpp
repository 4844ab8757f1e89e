// Any text as a `calc`: a program within its bounds, or a mistake with its place; what it gives is finite and bounded.
#include "gateway/base/bytes.hpp"
#include "mapping/expression.hpp"

#include <cmath>
#include <cstdio>
#include <cstdlib>

namespace {

using mapping::Expression;

void must(bool holds, const char* what) {
    if (holds) return;
    std::fprintf(stderr, "does not hold: %s\n", what);
    std::abort();
}

std::variant<Expression::Name, Expression::Mistake> meaning(std::string_view name) {
    Expression::Name meant;
    if (name == "value" || name == "power") {
        meant.slot = name == "value" ? 0 : 1;
        meant.type = Expression::Type::number;
        meant.unit = name == "value" ? "" : "W";
    } else if (name == "hot") {
        meant.slot = 2;
        meant.type = Expression::Type::boolean;
    } else if (name == "name") {
        meant.slot = 3;
        meant.type = Expression::Type::text;
    } else if (name == "any") {
        meant.slot = 4;
    } else {
        return Expression::Mistake{1, 1, "there is no such name", "name another"};
    }
    return meant;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto source = base::as_text({data, size});
    const auto compiled = Expression::compile(source, meaning);
    if (const auto* mistake = std::get_if<Expression::Mistake>(&compiled)) {
        must(mistake->line >= 1 && mistake->column >= 1, "a mistake has a place");
        must(!mistake->what.empty() && !mistake->remedy.empty(), "a mistake says what and what to do");
        return 0;
    }
    const auto& expression = std::get<Expression>(compiled);
    must(source.size() <= Expression::most_source, "not longer than the limit");
    for (int round = 0; round < 4; ++round) {
        const Expression::Inputs inputs = [&](std::uint16_t slot) -> Expression::Value {
            must(slot <= 4, "only names that it was given");
            if (round == 3) return {};
            switch (slot) {
                case 0: return mapping::Number(mapping::Decimal{round * 1000 - 7, -1});
                case 1: return round == 1 ? mapping::Number::rough(1.8e19) : mapping::Number(-1e-300);
                case 2: return round == 0;
                case 3: return std::string(static_cast<std::size_t>(round) * 500, 'x');
                default: return round == 0 ? Expression::Value(true) : Expression::Value(std::string("12"));
            }
        };
        const auto value = expression.evaluate(inputs);
        if (const auto* number = std::get_if<mapping::Number>(&value)) {
            must(number->finite(), "a number is finite");
            if (number->exact) must(number->exact->number() == number->approximate, "exact and double are the same number");
        }
        if (const auto* text = std::get_if<std::string>(&value))
            must(text->size() <= Expression::most_text, "no text over the limit");
        const auto type = expression.type();
        using Type = Expression::Type;
        if (value.index() != 0 && type != Type::unknown)
            must(value.index() == static_cast<std::size_t>(type), "the value is of the type that was told");
    }
    return 0;
}
