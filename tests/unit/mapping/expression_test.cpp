#include "mapping/expression.hpp"

#include "lwm2m/value.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <map>

namespace mapping {

namespace {

using Type = Expression::Type;
using Value = Expression::Value;

struct Known {
    Value value{};
    std::string unit{};
};
using Names = std::map<std::string, Known, std::less<>>;

Number whole(std::int64_t number) { return Number(Decimal{number, 0}); }

Type type_of(const Value& value) { return static_cast<Type>(value.index()); }

std::variant<Expression, Expression::Mistake> compile(std::string_view source, const Names& names) {
    return Expression::compile(source, [&](std::string_view name) -> std::variant<Expression::Name, Expression::Mistake> {
        const auto found = names.find(name);
        if (found == names.end()) return Expression::Mistake{1, 1, fmt::format("there is no point '{}'", name), "name one"};
        Expression::Name meant;
        meant.slot = static_cast<std::uint16_t>(std::distance(names.begin(), found));
        meant.type = type_of(found->second.value);
        meant.unit = found->second.unit;
        return meant;
    });
}

std::string shown(const Value& value) {
    if (const auto* number = std::get_if<Number>(&value)) return number_text(number->approximate);
    if (const auto* truth = std::get_if<bool>(&value)) return *truth ? "true" : "false";
    if (const auto* text = std::get_if<std::string>(&value)) return '"' + *text + '"';
    return "no value";
}

/// The result; names of `gone` have no value now.
std::string result(std::string_view source, const Names& names = {}, const std::string& gone = "-") {
    const auto compiled = compile(source, names);
    if (const auto* mistake = std::get_if<Expression::Mistake>(&compiled))
        return fmt::format("{}:{}: {}; {}", mistake->line, mistake->column, mistake->what, mistake->remedy);
    return shown(std::get<Expression>(compiled).evaluate([&](std::uint16_t slot) {
        const auto& [name, known] = *std::next(names.begin(), slot);
        return name == gone ? Value{} : known.value;
    }));
}

const Names meter{{"power", {whole(460), "W"}},           {"spare", {whole(0), "W"}},
                  {"temperature", {Number(21.5), "Cel"}}, {"hot", {true}},
                  {"name", {std::string("EM24")}},        {"n", {whole(-7)}}};

TEST(ExpressionValue, ArithmeticBindsAsAtSchool) {
    EXPECT_EQ(result("1 + 2 * 3 - 4 / 2"), "5");
    EXPECT_EQ(result("(1 + 2) * 3"), "9");
    EXPECT_EQ(result("-2 * -3"), "6");
    EXPECT_EQ(result("10 - 3 - 2"), "5");
    EXPECT_EQ(result("2 - -1"), "3");
    EXPECT_EQ(result("0x1F + 1e2 + .5"), "131.5");
}

TEST(ExpressionValue, DecimalsStayExact) {
    EXPECT_EQ(result("0.1 + 0.2"), "0.3");
    EXPECT_EQ(result("229 * 0.1"), "22.9");
    EXPECT_EQ(result("1 / 8"), "0.125");
    EXPECT_EQ(result("0.3 - 0.1 == 0.2"), "true");
    EXPECT_EQ(result("229.01 * 40"), "9160.4");
}

TEST(ExpressionValue, TheRemainderHasTheDivisorsSign) {
    EXPECT_EQ(result("-1 % 24"), "23");
    EXPECT_EQ(result("25 % 24"), "1");
    EXPECT_EQ(result("7 % -4"), "-1");
    EXPECT_EQ(result("5.5 % 2"), "1.5");
    EXPECT_EQ(result("-9223372036854775807 % -1"), "0");
}

TEST(ExpressionValue, Logic) {
    EXPECT_EQ(result("1 < 2 and not 2 < 1 or false"), "true");
    EXPECT_EQ(result("true or false and false"), "true");
    EXPECT_EQ(result("hot and power > 400", meter), "true");
    EXPECT_EQ(result("name == \"EM24\" and name != 'EM25'", meter), "true");
    EXPECT_EQ(result("1 if hot else 2", meter), "1");
    EXPECT_EQ(result("1 if not hot else 2 if power > 1000 else 3", meter), "3");
}

TEST(ExpressionValue, Functions) {
    EXPECT_EQ(result("min(3, 1, 2) + max(3, 1, 2)"), "4");
    EXPECT_EQ(result("abs(n)", meter), "7");
    EXPECT_EQ(result("round(2.5) + round(-2.5)"), "0");
    EXPECT_EQ(result("round(22.949, 1)"), "22.9");
    EXPECT_EQ(result("round(1234, -2)"), "1200");
    EXPECT_EQ(result("floor(-0.5)"), "-1");
    EXPECT_EQ(result("ceil(-0.5)"), "0");
    EXPECT_EQ(result("floor(7) + ceil(7)"), "14");
    EXPECT_EQ(result("sqrt(9) + exp(0) + log(1)"), "4");
    EXPECT_EQ(result("clamp(power, 0, 400)", meter), "400");
    EXPECT_EQ(result("bits(0xA5, 4, 7)"), "10");
    EXPECT_EQ(result("bits(-1, 0, 3)"), "15");
    EXPECT_EQ(result("number(\" 21.50 \") + number(hot)", meter), "22.5");
    EXPECT_EQ(result("text(3) + \".\" + text(0.5) + text(hot)", meter), "\"3.0.5true\"");
}

TEST(ExpressionValue, WhatCannotBeWorkedOutIsNoValue) {
    EXPECT_EQ(result("1 / 0"), "no value");
    EXPECT_EQ(result("1 % 0"), "no value");
    EXPECT_EQ(result("sqrt(-1)"), "no value");
    EXPECT_EQ(result("log(0)"), "no value");
    EXPECT_EQ(result("exp(1000)"), "no value");
    EXPECT_EQ(result("1e300 * 1e300"), "no value");
    EXPECT_EQ(result("number(name)", meter), "no value");
    EXPECT_EQ(result("clamp(1, 3, 2)"), "no value");
    EXPECT_EQ(result("bits(1, 3, 2)"), "no value");
    EXPECT_EQ(result("power + 1", meter, "power"), "no value");
}

TEST(ExpressionValue, OnlyWhatCountsMustBeThere) {
    EXPECT_EQ(result("power if hot else spare", meter, "spare"), "460");
    EXPECT_EQ(result("power if hot else spare", meter, "power"), "no value");
    EXPECT_EQ(result("not hot and spare > 0", meter, "spare"), "false");
    EXPECT_EQ(result("hot or spare > 0", meter, "spare"), "true");
    EXPECT_EQ(result("hot and spare > 0", meter, "spare"), "no value");
}

TEST(ExpressionValue, TextsDoNotGrowWithoutEnd) {
    Names names{{"t", {std::string(Expression::most_text, 'x')}}};
    EXPECT_EQ(result("t + \"\"", names).size(), Expression::most_text + 2);
    EXPECT_EQ(result("t + \"x\"", names), "no value");
}

TEST(ExpressionMistake, SaysWhereInTheExpression) {
    EXPECT_EQ(result("1 + nothing"), "1:5: there is no point 'nothing'; name one");
    EXPECT_EQ(result("1 +\n  nothing"), "2:3: there is no point 'nothing'; name one");
    EXPECT_EQ(result("\"ü\" + nothing"), "1:7: there is no point 'nothing'; name one");
}

TEST(ExpressionMistake, Syntax) {
    EXPECT_EQ(result(""), "1:1: an empty expression; write what to work out: value * 2");
    EXPECT_EQ(result("1 +"), "1:4: the expression ends too early; complete it, or remove the last sign");
    EXPECT_EQ(result("(1 + 2"), "1:1: '(' without ')'; add the closing )");
    EXPECT_EQ(result("1 2"), "1:3: '2' makes no sense here; put an operator before it, or remove it");
    EXPECT_EQ(result("1 = 2"), "1:3: '=' is no operator here; write == to compare");
    EXPECT_EQ(result("hot && hot", meter), "1:5: '&' is no operator here; write and, or bits(a, lowest, highest)");
    EXPECT_EQ(result("hot ? 1 : 2", meter), "1:5: '?' is no operator here; write: a if condition else b");
    EXPECT_EQ(result("2 ** 3"), "1:3: '**' is no operator here; write a * a");
    EXPECT_EQ(result("1 if hot", meter), "1:9: 'if' without 'else'; write: a if condition else b");
    EXPECT_EQ(result("1 < 2 < 3"), "1:7: two comparisons in a row; write a < b and b < c");
    EXPECT_EQ(result("12x"), "1:1: '12x' is no number; write 12, 0.5, 1e3 or 0x1F");
    EXPECT_EQ(result("1e384"), "1:1: '1e384' is no number; write 12, 0.5, 1e3 or 0x1F");
    EXPECT_EQ(result("\"open"), "1:1: a text without its end; add the closing \"");
    EXPECT_EQ(result("and"), "1:1: 'and' makes no sense here; put a value before it");
    EXPECT_EQ(result("rund(1)"), "1:1: there is no function 'rund'; did you mean 'round'?");
    EXPECT_EQ(result("clamp(1)"), "1:1: 'clamp' with 1 arguments; write clamp(a, least, most)");
    EXPECT_EQ(result("min()"), "1:1: 'min' with 0 arguments; write min(a, b)");
    EXPECT_EQ(result("1 + min"), "1:5: 'min' is a function; write min(a, b)");
}

TEST(ExpressionMistake, Types) {
    EXPECT_EQ(result("hot + 1", meter),
              "1:1: '+' takes a number, and this is true or false; write 1 if it else 0, or number(it)");
    EXPECT_EQ(result("name * 2", meter), "1:1: '*' takes a number, and this is text; write number(it)");
    EXPECT_EQ(result("name + 2", meter), "1:8: text + a number; write text(it)");
    EXPECT_EQ(result("power and hot", meter), "1:1: 'and' takes true or false, and this is a number; compare it: a != 0");
    EXPECT_EQ(result("power == name", meter),
              "1:7: '==' of a number and text; compare what is of one kind: text(a) or number(a) change it");
    EXPECT_EQ(result("1 if hot else name", meter), "1:3: 'if' gives a number, or text; let both sides be of one kind");
    EXPECT_EQ(result("1 if power else 2", meter), "1:6: 'if' takes true or false, and this is a number; compare it: a != 0");
    EXPECT_EQ(result("sqrt(hot)", meter),
              "1:6: 'sqrt' takes a number, and this is true or false; write 1 if it else 0, or number(it)");
}

TEST(ExpressionMistake, UnitsThatDoNotGoTogether) {
    const std::string remedy = "; bring both to one unit first: multiply one by a factor";
    EXPECT_EQ(result("power + temperature", meter), "1:7: '+' of W and Cel" + remedy);
    EXPECT_EQ(result("power > temperature", meter), "1:7: '>' of W and Cel" + remedy);
    EXPECT_EQ(result("max(power, temperature)", meter), "1:12: 'max' of W and Cel" + remedy);
    EXPECT_EQ(result("power if hot else temperature", meter), "1:7: 'if' of W and Cel" + remedy);
    EXPECT_EQ(result("power + spare + 1", meter), "461");
    EXPECT_EQ(result("power * temperature", meter), "9890");
    EXPECT_EQ(result("power / 10 + temperature", meter), "67.5");
}

TEST(ExpressionMistake, TheUnitOfTheWholeIsKnownWhereItIsSure) {
    const auto unit = [](std::string_view source) { return std::get<Expression>(compile(source, meter)).unit(); };
    EXPECT_EQ(unit("power + spare"), "W");
    EXPECT_EQ(unit("-round(power, 1)"), "W");
    EXPECT_EQ(unit("clamp(power, 0, 10) if hot else 0"), "W");
    EXPECT_EQ(unit("power * 2"), "");
    EXPECT_EQ(unit("power > spare"), "");
}

TEST(ExpressionBounds, NeitherLongNorDeep) {
    std::string sum = "1";
    for (int i = 0; i < 99; ++i) sum += "+1";
    EXPECT_EQ(result(sum), "100");
    EXPECT_EQ(result(sum + "+1"), "1:200: over 200 parts; split it over several points");
    const auto nested = [](int levels, const std::string& open, const std::string& close) {
        std::string text;
        for (int i = 0; i < levels; ++i) text += open;
        text += "1";
        for (int i = 0; i < levels; ++i) text += close;
        return text;
    };
    EXPECT_EQ(result(nested(31, "(", ")")), "1");
    EXPECT_EQ(result(nested(32, "(", ")")), "1:33: over 32 levels deep; split it over several points");
    EXPECT_NE(result(nested(100'000, "(", ")")).find("an expression of"), std::string::npos);
    EXPECT_NE(result(nested(2000, "-", "")).find("levels deep"), std::string::npos);

    EXPECT_NE(result(nested(1000, "not ", "")).find("levels deep"), std::string::npos);
}

}  // namespace

}  // namespace mapping
