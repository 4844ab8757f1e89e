#include "mapping/expression_program.hpp"
#include "mapping/names.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <charconv>
#include <utility>

namespace mapping {

namespace {

using Type = Expression::Type;

struct Function {
    std::string_view name;
    Op op;
    std::size_t least, most;  // arguments
    bool keeps_unit;
    std::string_view form;
};
// clang-format off
constexpr std::array<Function, 14> functions{{
    {"min",    Op::least,       1, 16, true,  "min(a, b)"},       {"max",   Op::most,      1, 16, true,  "max(a, b)"},
    {"abs",    Op::absolute,    1, 1,  true,  "abs(a)"},          {"round", Op::rounded,   1, 2,  true,  "round(a), or round(a, 2)"},
    {"floor",  Op::floor,       1, 1,  true,  "floor(a)"},        {"ceil",  Op::ceiling,   1, 1,  true,  "ceil(a)"},
    {"sqrt",   Op::root,        1, 1,  false, "sqrt(a)"},         {"exp",   Op::exponential, 1, 1, false, "exp(a)"},
    {"log",    Op::logarithm,   1, 1,  false, "log(a)"},          {"clamp", Op::clamp,     3, 3,  true,  "clamp(a, least, most)"},
    {"text",   Op::to_text,     1, 1,  false, "text(a)"},         {"number", Op::to_number, 1, 1, false, "number(a)"},
    {"bits",   Op::bits,        3, 3,  false, "bits(a, lowest, highest)"},
    {"",       Op::constant,    0, 0,  false, ""},  // the end
}};
// clang-format on

const Function* function(std::string_view name) {
    for (const auto& f : functions)
        if (!name.empty() && f.name == name) return &f;
    return nullptr;
}

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

struct Token {
    enum class Kind : std::uint8_t { end, number, text, word, sign } kind = Kind::end;
    std::string_view written;  // of a text, with its quotes
    std::size_t at = 0;        // in the source
};

}  // namespace

/// Recursive descent; the first mistake ends it.
class Expression::Parser {
public:
    Parser(std::string_view source, const Scope& scope) : source_(source), scope_(scope) {}

    std::variant<Expression, Mistake> run() {
        try {
            if (source_.size() > most_source)
                fail(0, fmt::format("an expression of {} characters", source_.size()),
                     fmt::format("the most is {}; split it over several points", most_source));
            next();
            if (token_.kind == Token::Kind::end) fail(0, "an empty expression", "write what to work out: value * 2");
            const Known whole = choice();
            if (token_.kind != Token::Kind::end) unexpected();
            Expression result;
            result.type_ = whole.type;
            result.unit_ = whole.unit;
            result.slots_ = std::move(slots_);
            std::sort(result.slots_.begin(), result.slots_.end());
            result.slots_.erase(std::unique(result.slots_.begin(), result.slots_.end()), result.slots_.end());
            result.program_ = std::make_shared<const Program>(std::move(program_));
            return result;
        } catch (Mistake& mistake) {  // from fail(), so that each rule reads as the grammar
            return std::move(mistake);
        }
    }

private:
    /// A part that was read, and what is known of its value.
    struct Known {
        std::uint32_t place = 0;
        Type type = Type::unknown;
        std::string unit{};
        std::size_t at = 0;
    };

    [[noreturn]] void fail(std::size_t at, std::string what, std::string remedy) const {
        Mistake mistake;
        mistake.what = std::move(what);
        mistake.remedy = std::move(remedy);
        place(mistake, at);
        throw mistake;
    }
    void place(Mistake& mistake, std::size_t at) const {
        mistake.line = mistake.column = 1;
        for (std::size_t i = 0; i < at && i < source_.size(); ++i) {
            if (source_[i] == '\n') {
                ++mistake.line;
                mistake.column = 1;
            } else if ((static_cast<unsigned char>(source_[i]) & 0xC0U) != 0x80U) {
                ++mistake.column;
            }
        }
    }
    [[noreturn]] void unexpected() const {
        if (token_.kind == Token::Kind::end)
            fail(source_.size(), "the expression ends too early", "complete it, or remove the last sign");
        struct Habit {
            std::string_view sign, remedy;
        };
        static constexpr Habit habits[] = {{"=", "write == to compare"},
                                           {"&", "write and, or bits(a, lowest, highest)"},
                                           {"|", "write or"},
                                           {"!", "write not"},
                                           {"?", "write: a if condition else b"},
                                           {":", "write: a if condition else b"},
                                           {"**", "write a * a"},
                                           {"^", "write a * a"}};
        for (const auto& habit : habits)
            if (token_.written == habit.sign)
                fail(token_.at, fmt::format("'{}' is no operator here", habit.sign), std::string(habit.remedy));
        fail(token_.at, fmt::format("'{}' makes no sense here", token_.written.substr(0, 40)),
             "put an operator before it, or remove it");
    }

    // -- Words

    void next() {
        while (from_ < source_.size() && (source_[from_] == ' ' || source_[from_] == '\n' || source_[from_] == '\t')) ++from_;
        const std::size_t start = from_;
        token_ = {Token::Kind::end, {}, start};
        if (start == source_.size()) return;
        const char c = source_[start];
        std::size_t end = start + 1;
        const auto peek = [&](std::size_t i) { return i < source_.size() ? source_[i] : '\0'; };
        if (is_digit(c) || (c == '.' && is_digit(peek(end)))) {
            token_.kind = Token::Kind::number;
            const bool hex = c == '0' && (peek(end) == 'x' || peek(end) == 'X');
            while (is_letter(peek(end)) || is_digit(peek(end)) || peek(end) == '.' ||
                   (!hex && (peek(end) == '-' || peek(end) == '+') && (source_[end - 1] == 'e' || source_[end - 1] == 'E')))
                ++end;
        } else if (is_letter(c)) {
            token_.kind = Token::Kind::word;
            while (is_letter(peek(end)) || is_digit(peek(end))) ++end;
        } else if (c == '"' || c == '\'') {
            token_.kind = Token::Kind::text;
            while (end < source_.size() && source_[end] != c) ++end;
            if (end == source_.size()) fail(start, "a text without its end", fmt::format("add the closing {}", c));
            ++end;
        } else {
            token_.kind = Token::Kind::sign;
            for (const std::string_view pair : {"==", "!=", "<=", ">=", "**"})
                if (source_.substr(start, 2) == pair) end = start + 2;
            while (end < source_.size() && (static_cast<unsigned char>(source_[end]) & 0xC0U) == 0x80U) ++end;
        }
        token_.written = source_.substr(start, end - start);
        from_ = end;
    }
    bool is(std::string_view written) const {
        return (token_.kind == Token::Kind::sign || token_.kind == Token::Kind::word) && token_.written == written;
    }
    bool take(std::string_view written) {
        if (!is(written)) return false;
        next();
        return true;
    }

    // -- Parts

    Known add(Op op, const std::vector<Known>& operands, Type type, std::string unit, std::size_t at) {
        if (program_.parts.size() >= most_parts)
            fail(at, fmt::format("over {} parts", most_parts), "split it over several points");
        Program::Part part;
        part.op = op;
        for (const auto& operand : operands) part.parts.push_back(operand.place);
        program_.parts.push_back(std::move(part));
        return {static_cast<std::uint32_t>(program_.parts.size() - 1), type, std::move(unit),
                operands.empty() ? at : operands[0].at};
    }
    Known constant(Value value, Type type, std::size_t at) {
        const Known known = add(Op::constant, {}, type, {}, at);
        program_.parts.back().constant = std::move(value);
        return known;
    }

    void must_be(const Known& operand, Type type, std::string_view who) const {
        if (operand.type == type || operand.type == Type::unknown) return;
        std::string_view remedy = "remove it, or use another one";
        if (type == Type::boolean) remedy = operand.type == Type::number ? "compare it: a != 0" : "compare it: a == \"ON\"";
        if (type == Type::number)
            remedy = operand.type == Type::boolean ? "write 1 if it else 0, or number(it)" : "write number(it)";
        fail(operand.at, fmt::format("{} takes {}, and this is {}", who, mapping::name(type), mapping::name(operand.type)),
             std::string(remedy));
    }
    std::string same_unit(const Known& a, const Known& b, std::string_view who, std::size_t at) const {
        if (!a.unit.empty() && !b.unit.empty() && a.unit != b.unit)
            fail(at, fmt::format("{} of {} and {}", who, a.unit, b.unit),
                 "bring both to one unit first: multiply one by a factor");
        return a.unit.empty() ? b.unit : a.unit;
    }

    // -- The grammar, what binds least first

    Known choice() {
        if (++depth_ > most_depth)
            fail(token_.at, fmt::format("over {} levels deep", most_depth), "split it over several points");
        Known first = either();
        const std::size_t at = token_.at;
        if (take("if")) {
            const Known condition = either();
            must_be(condition, Type::boolean, "'if'");
            if (!take("else")) {
                if (token_.kind != Token::Kind::end) unexpected();
                fail(source_.size(), "'if' without 'else'", "write: a if condition else b");
            }
            const Known other = choice();
            if (first.type != Type::unknown && other.type != Type::unknown && first.type != other.type)
                fail(at, fmt::format("'if' gives {}, or {}", mapping::name(first.type), mapping::name(other.type)),
                     "let both sides be of one kind");
            auto unit = same_unit(first, other, "'if'", at);
            const Type type = first.type != Type::unknown ? first.type : other.type;
            first = add(Op::choice, {first, condition, other}, type, std::move(unit), at);
        }
        --depth_;
        return first;
    }

    Known logical(Op op, std::string_view word, Known (Parser::*operand)()) {
        Known left = (this->*operand)();
        for (std::size_t at = token_.at; take(word); at = token_.at) {
            const Known right = (this->*operand)();
            const auto who = fmt::format("'{}'", word);
            must_be(left, Type::boolean, who);
            must_be(right, Type::boolean, who);
            left = add(op, {left, right}, Type::boolean, {}, at);
        }
        return left;
    }
    Known either() { return logical(Op::either, "or", &Parser::both); }
    Known both() { return logical(Op::both, "and", &Parser::inverse); }
    Known inverse() {
        const std::size_t at = token_.at;
        if (!take("not")) return comparison();
        if (++depth_ > most_depth) fail(at, fmt::format("over {} levels deep", most_depth), "remove each 'not not'");
        Known operand = inverse();
        --depth_;
        must_be(operand, Type::boolean, "'not'");
        operand = add(Op::inverse, {operand}, Type::boolean, {}, at);
        operand.at = at;
        return operand;
    }

    std::optional<Op> comparing() const {
        static constexpr std::pair<std::string_view, Op> signs[] = {{"==", Op::equal},  {"!=", Op::unequal},
                                                                    {"<", Op::less},    {"<=", Op::less_equal},
                                                                    {">", Op::greater}, {">=", Op::greater_equal}};
        for (const auto& [sign, op] : signs)
            if (is(sign)) return op;
        return std::nullopt;
    }
    Known comparison() {
        const Known left = sum();
        const auto op = comparing();
        if (!op) return left;
        const Token sign = token_;
        next();
        const Known right = sum();
        const auto who = fmt::format("'{}'", sign.written);
        if (*op != Op::equal && *op != Op::unequal) {
            must_be(left, Type::number, who);
            must_be(right, Type::number, who);
        } else if (left.type != right.type && left.type != Type::unknown && right.type != Type::unknown) {
            fail(sign.at, fmt::format("{} of {} and {}", who, mapping::name(left.type), mapping::name(right.type)),
                 "compare what is of one kind: text(a) or number(a) change it");
        }
        same_unit(left, right, who, sign.at);
        const Known result = add(*op, {left, right}, Type::boolean, {}, sign.at);
        if (comparing()) fail(token_.at, "two comparisons in a row", "write a < b and b < c");
        return result;
    }

    Known sum() {
        Known left = product();
        for (;;) {
            const Token sign = token_;
            if (!is("+") && !is("-")) return left;
            next();
            const Known right = product();
            const auto who = fmt::format("'{}'", sign.written);
            const bool text = left.type == Type::text || right.type == Type::text;
            if (sign.written == "+" && text) {
                for (const Known* operand : {&std::as_const(left), &right})
                    if (operand->type != Type::text && operand->type != Type::unknown)
                        fail(operand->at, fmt::format("text + {}", mapping::name(operand->type)), "write text(it)");
                left = add(Op::add, {left, right}, Type::text, {}, sign.at);
                continue;
            }
            must_be(left, Type::number, who);
            must_be(right, Type::number, who);
            const bool sure = sign.written == "-" || left.type == Type::number || right.type == Type::number;
            auto unit = same_unit(left, right, who, sign.at);
            left = add(sign.written == "+" ? Op::add : Op::subtract, {left, right}, sure ? Type::number : Type::unknown,
                       std::move(unit), sign.at);
        }
    }

    Known product() {
        Known left = minus();
        for (;;) {
            const Token sign = token_;
            const Op op = is("*") ? Op::multiply : is("/") ? Op::divide : Op::remainder;
            if (!is("*") && !is("/") && !is("%")) return left;
            next();
            const Known right = minus();
            const auto who = fmt::format("'{}'", sign.written);
            must_be(left, Type::number, who);
            must_be(right, Type::number, who);
            left = add(op, {left, right}, Type::number, {}, sign.at);
        }
    }

    Known minus() {
        const std::size_t at = token_.at;
        if (!take("-")) return atom();
        if (++depth_ > most_depth) fail(at, fmt::format("over {} levels deep", most_depth), "remove each --");
        const Known operand = minus();
        --depth_;
        must_be(operand, Type::number, "'-'");
        auto unit = operand.unit;
        Known result = add(Op::negate, {operand}, Type::number, std::move(unit), at);
        result.at = at;
        return result;
    }

    Known atom() {
        const Token token = token_;
        switch (token.kind) {
            case Token::Kind::number: return number(token);
            case Token::Kind::text: {
                next();
                const auto inside = token.written.substr(1, token.written.size() - 2);
                if (inside.size() > most_text)
                    fail(token.at, "a text too long", fmt::format("the most are {} bytes", most_text));
                return constant(std::string(inside), Type::text, token.at);
            }
            case Token::Kind::word: return word(token);
            case Token::Kind::sign:
                if (take("(")) {
                    Known inner = choice();
                    if (!take(")")) close(token.at);
                    inner.at = token.at;
                    return inner;
                }
                unexpected();
            case Token::Kind::end: unexpected();
        }
        unexpected();
    }
    [[noreturn]] void close(std::size_t opened) const {
        if (token_.kind != Token::Kind::end) unexpected();
        fail(opened, "'(' without ')'", "add the closing )");
    }

    Known number(const Token& token) {
        next();
        std::string written(token.written);
        if (written.size() > 1 && written[1] == 'X') written[1] = 'x';
        if (const auto exact = Decimal::parse(written); exact && Number(*exact).finite())
            return constant(Number(*exact), Type::number, token.at);
        double rough = 0;
        const bool hex = written.size() > 2 && written[1] == 'x';
        std::uint64_t bits = 0;
        const char *first = written.data(), *last = first + written.size();
        const auto [end, error] = hex ? std::from_chars(first + 2, last, bits, 16) : std::from_chars_result{};
        if (hex && error == std::errc{} && end == last)
            return constant(Number::rough(static_cast<double>(bits)), Type::number, token.at);
        const auto parsed = std::from_chars(first, last, rough);
        if (hex || parsed.ec != std::errc{} || parsed.ptr != last)
            fail(token.at, fmt::format("'{}' is no number", written.substr(0, 40)), "write 12, 0.5, 1e3 or 0x1F");
        return constant(Number::rough(rough), Type::number, token.at);
    }

    Known word(const Token& token) {
        next();
        const auto word = token.written;
        if (word == "true" || word == "false") return constant(word == "true", Type::boolean, token.at);
        for (const std::string_view operation : {"and", "or", "not", "if", "else"})
            if (word == operation) fail(token.at, fmt::format("'{}' makes no sense here", word), "put a value before it");
        if (is("(")) return call(token);
        auto meant = scope_(word);
        if (auto* mistake = std::get_if<Mistake>(&meant)) {
            place(*mistake, token.at);
            if (const auto* f = function(word)) {
                mistake->what = fmt::format("'{}' is a function", word);
                mistake->remedy = fmt::format("write {}", f->form);
            }
            throw *mistake;
        }
        auto& its = std::get<Name>(meant);
        if (its.constant) return constant(std::move(*its.constant), its.type, token.at);
        const Known known = add(Op::name, {}, its.type, its.unit, token.at);
        program_.parts.back().slot = its.slot;
        slots_.push_back(its.slot);
        return known;
    }

    Known call(const Token& token) {
        const auto* f = function(token.written);
        if (f == nullptr) {
            std::vector<std::string_view> names;
            for (const auto& known : functions)
                if (!known.name.empty()) names.push_back(known.name);
            fail(token.at, fmt::format("there is no function '{}'", token.written.substr(0, 64)),
                 suggestion(token.written, names, ""));
        }
        const std::size_t opened = token_.at;
        next();
        std::vector<Known> arguments;
        for (bool more = !is(")"); more; more = arguments.size() <= f->most && take(",")) arguments.push_back(choice());
        if (arguments.size() < f->least || arguments.size() > f->most)
            fail(token.at, fmt::format("'{}' with {} arguments", f->name, arguments.size()), fmt::format("write {}", f->form));
        if (!take(")")) close(opened);
        std::string unit = f->keeps_unit ? arguments[0].unit : std::string();
        if (f->op == Op::to_text) return add(f->op, arguments, Type::text, {}, token.at);
        if (f->op == Op::to_number) return add(f->op, arguments, Type::number, {}, token.at);
        for (std::size_t i = 0; i < arguments.size(); ++i) {
            must_be(arguments[i], Type::number, fmt::format("'{}'", f->name));
            if (i > 0 && f->keeps_unit && f->op != Op::rounded)
                unit = same_unit(arguments[0], arguments[i], fmt::format("'{}'", f->name), arguments[i].at);
        }
        Known result = add(f->op, arguments, Type::number, std::move(unit), token.at);
        result.at = token.at;
        return result;
    }

    std::string_view source_;
    const Scope& scope_;
    std::size_t from_ = 0, depth_ = 0;
    Token token_;
    Program program_;
    std::vector<std::uint16_t> slots_;
};

std::variant<Expression, Expression::Mistake> Expression::compile(std::string_view source, const Scope& scope) {
    return Parser(source, scope).run();
}

}  // namespace mapping
