#include "mapping/decimal.hpp"
#include "mapping/plan.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <array>
#include <charconv>

namespace mapping {

using adapters::Scalar;
using base::Errc;
using base::fail;
using base::Result;

namespace {

/// What an Execute brought, by number; a digit without '=' is there and empty.
using Given = std::array<std::optional<std::string>, 10>;

Result<Given> parse(std::string_view text) {
    Given given;
    const auto bad = [] { return fail(Errc::bad_request, "arguments read 0='text',1,2='text', each digit once"); };
    while (!text.empty()) {
        if (text[0] < '0' || text[0] > '9') return bad();
        auto& its = given[static_cast<std::size_t>(text[0] - '0')];
        if (its) return bad();
        text.remove_prefix(1);
        its.emplace();
        if (text.substr(0, 2) == "='") {
            const auto end = text.find('\'', 2);
            if (end == std::string_view::npos) return bad();
            *its = text.substr(2, end - 2);
            text.remove_prefix(end + 1);
        }
        if (text.empty()) break;
        if (text[0] != ',' || text.size() == 1) return bad();
        text.remove_prefix(1);
    }
    return given;
}

tl::unexpected<base::Error> wrong(const Argument& argument, std::string_view text, std::string_view needed) {
    return fail(Errc::bad_request,
                fmt::format("argument {} is '{}', and must be {}", argument.number, text.substr(0, 64), needed));
}

Result<void> within(const Argument& argument, double measure, std::string_view what) {
    if (argument.least && measure < *argument.least)
        return fail(Errc::bad_request, fmt::format("argument {}: {} {} under the minimum {}", argument.number,
                                                   number_text(measure), what, number_text(*argument.least)));
    if (argument.most && measure > *argument.most)
        return fail(Errc::bad_request, fmt::format("argument {}: {} {} over the maximum {}", argument.number,
                                                   number_text(measure), what, number_text(*argument.most)));
    return {};
}

Result<lwm2m::Value> value_of(const Argument& argument, const std::string& text) {
    const char *first = text.data(), *last = first + text.size();
    switch (argument.kind) {
        case Argument::Kind::boolean:
            if (text.empty() || text == "true" || text == "1") return lwm2m::Value(true);  // a bare digit is a flag
            if (text == "false" || text == "0") return lwm2m::Value(false);
            return wrong(argument, text, "true or false");
        case Argument::Kind::integer: {
            std::int64_t whole = 0;
            const auto [end, error] = std::from_chars(first, last, whole);
            if (text.empty() || error != std::errc{} || end != last) return wrong(argument, text, "a whole number");
            if (auto good = within(argument, static_cast<double>(whole), "is"); !good) return tl::unexpected(good.error());
            return lwm2m::Value(whole);
        }
        case Argument::Kind::number: {
            const auto exact = Decimal::parse(text);
            if (!exact || text.substr(0, 2) == "0x") return wrong(argument, text, "a number");
            if (auto good = within(argument, exact->number(), "is"); !good) return tl::unexpected(good.error());
            return lwm2m::Value(exact->number());
        }
        case Argument::Kind::text:
            if (auto good = within(argument, static_cast<double>(text.size()), "bytes are"); !good)
                return tl::unexpected(good.error());
            return lwm2m::Value(text);
    }
    return fail(Errc::internal, "an argument of no kind");
}

/// The value that stands where the blank's text names arguments.
Result<Scalar> fill(const Blank& blank, const std::vector<Argument>& arguments, const Given& given) {
    const std::string& text = blank.text;
    lwm2m::Value whole;
    std::string pieces;
    std::size_t from = 0;
    for (auto open = text.find("${arg."); open != std::string::npos; open = text.find("${arg.", from)) {
        const auto close = text.find('}', open);  // the compiler saw to it that it is there, after one digit
        const auto number = static_cast<std::size_t>(text[open + 6] - '0');
        const Argument* argument = nullptr;
        for (const auto& declared : arguments)
            if (declared.number == number) argument = &declared;
        if (argument == nullptr || close != open + 7) return fail(Errc::internal, "an argument that is not declared");
        const auto& its = given[number] ? given[number] : argument->fallback;
        if (!its) return fail(Errc::bad_request, fmt::format("argument {} is missing", number));
        auto value = value_of(*argument, *its);
        if (!value) return tl::unexpected(value.error());
        pieces.append(text, from, open - from);
        pieces += *its;
        from = close + 1;
        if (open == 0 && from == text.size()) whole = std::move(*value);
    }
    pieces.append(text, from);
    if (whole.index() == 0) whole = std::move(pieces);
    return blank.conversion.write(whole);
}

}  // namespace

Result<std::vector<Step>> Action::bind(std::string_view text) const {
    const auto given = parse(text);
    if (!given) return tl::unexpected(given.error());
    for (std::size_t number = 0; number < given->size(); ++number) {
        if (!(*given)[number]) continue;
        const bool declared =
            std::any_of(arguments.begin(), arguments.end(), [&](const Argument& a) { return a.number == number; });
        if (!declared) return fail(Errc::bad_request, fmt::format("action '{}' takes no argument {}", name, number));
    }
    for (const auto& argument : arguments) {  // also those that no step uses
        const auto& its = (*given)[argument.number] ? (*given)[argument.number] : argument.fallback;
        if (!its) return fail(Errc::bad_request, fmt::format("action '{}': argument {} is missing", name, argument.number));
        if (auto value = value_of(argument, *its); !value)
            return tl::unexpected(base::in(fmt::format("action '{}'", name), value.error()));
    }
    std::vector<Step> bound = steps;
    for (auto& step : bound) {
        auto* write = std::get_if<WriteStep>(&step);
        auto* expect = std::get_if<ExpectStep>(&step);
        const auto& blank = write != nullptr ? write->blank : expect != nullptr ? expect->blank : nullptr;
        if (!blank) continue;
        auto value = fill(*blank, arguments, *given);
        if (!value) return tl::unexpected(base::in(fmt::format("action '{}'", name), value.error()));
        (write != nullptr ? write->value : expect->equals) = std::move(*value);
    }
    return bound;
}

}  // namespace mapping
