#include "mapping/action_reader.hpp"

#include "mapping/conversion_reader.hpp"
#include "mapping/names.hpp"
#include "mapping/point_reader.hpp"
#include "mapping/type_builder.hpp"

#include <fmt/format.h>
#include <algorithm>

namespace mapping {

using base::Fields;
using base::Node;

namespace {

/// The steps of one action.
class Reader {
public:
    Reader(adapters::Adapter& adapter, std::optional<adapters::ShapeId> shape, const std::vector<Argument>& arguments,
           base::Diagnostics& diagnostics)
        : adapter_(adapter), shape_(shape), arguments_(arguments), diagnostics_(diagnostics) {}

    std::optional<Step> read(const Node& node, const std::string& what) {
        Fields fields(node, what, diagnostics_);
        if (!fields.valid()) return std::nullopt;
        const bool write = fields.has("write"), wait = fields.has("wait"), expect = fields.has("expect");
        fields.known("publish");
        fields.done();
        if (node.members().size() != 1) {
            diagnostics_.error(node.at(),
                               fmt::format("{}: {} in one step", what, node.members().empty() ? "nothing" : "several things"),
                               "write one of write, wait, expect for each `- `");
            return std::nullopt;
        }
        if (write) return read_write(fields, what);
        if (wait) return read_wait(fields);
        if (expect) return read_expect(fields, what);
        if (fields.has("publish")) return read_publish(fields, what);
        return std::nullopt;
    }

    /// Digits of the arguments that steps have named.
    const std::vector<std::uint8_t>& used() const { return used_; }

private:
    /// What a step writes or waits for: a value, or a text that arguments fill in.
    struct Content {
        std::optional<adapters::Scalar> value;
        std::optional<std::string> text;
    };

    std::optional<Content> content(Fields& fields, std::string_view key) {
        const Node* node = fields.find(key);
        if (node->kind() == Node::Kind::text && node->written().find("${arg") != std::string::npos) {
            if (!check_arguments(fields, key, node->written())) return std::nullopt;
            return Content{{}, node->written()};
        }
        auto scalar = scalar_of(*node);
        if (!scalar) {
            fields.error(key, fmt::format("'{}' cannot be {}", key, node->kind_name()),
                         "write a number, true or false, or a text");
            return std::nullopt;
        }
        return Content{std::move(*scalar), {}};
    }

    bool check_arguments(Fields& fields, std::string_view key, const std::string& text) {
        for (auto open = text.find("${arg"); open != std::string::npos; open = text.find("${arg", open + 1)) {
            const auto close = text.find('}', open);
            const auto name = std::string_view(text).substr(open + 2, close == std::string::npos ? close : close - open - 2);
            const bool digit = name.size() == 5 && name[3] == '.' && name[4] >= '0' && name[4] <= '9';
            if (close == std::string::npos || !digit) {
                fields.error(key, fmt::format("'${{{}}}' is no argument", name), "write ${arg.0} to ${arg.9}");
                return false;
            }
            const auto number = static_cast<std::uint8_t>(name[4] - '0');
            used_.push_back(number);
            if (std::none_of(arguments_.begin(), arguments_.end(), [&](const Argument& a) { return a.number == number; })) {
                fields.error(key, fmt::format("argument {} is not declared", number),
                             fmt::format("declare it: args: {{{}: {{type: int}}}}", number));
                return false;
            }
        }
        return true;
    }

    /// Bytes in hex: "5AA5 0001".
    std::optional<Content> bytes(Fields& fields) {
        const auto text = fields.text("bytes");
        if (!text) return std::nullopt;
        base::Bytes bytes;
        std::string digits;
        for (const char c : *text)
            if (c != ' ') digits += c;
        if (auto parsed = base::from_hex(digits); parsed && !parsed->empty()) return Content{std::move(*parsed), {}};
        fields.error("bytes", fmt::format("'{}' is not bytes in hex", text->substr(0, 64)),
                     "write two digits for each: \"5AA5 0001\"");
        return std::nullopt;
    }

    struct Bound {
        adapters::PointIndex index = no_index;
        adapters::Scalar value;
        std::shared_ptr<const Blank> blank;
    };
    /// Binds the place and brings the value into the type that the device has there.
    std::optional<Bound> bind(Fields& fields, adapters::Access access, std::string_view key, std::optional<Content> content) {
        if (!shape_) return std::nullopt;
        const auto index = adapter_.add_point(*shape_, fields, nullptr, access);
        fields.done();
        if (!index || !content) return std::nullopt;
        Conversion::Rules rules;
        rules.kind = adapter_.kind(*shape_, *index);
        if (!rules.kind) rules.kind = written_kind(fields.node());
        const Conversion conversion(std::make_shared<const Conversion::Rules>(std::move(rules)));
        if (content->text)
            return Bound{*index, false, std::make_shared<const Blank>(Blank{std::move(*content->text), conversion})};
        const auto value = std::visit([](const auto& v) { return lwm2m::Value(v); }, *content->value);
        auto fitting = conversion.write(value);
        if (fitting) return Bound{*index, std::move(*fitting), nullptr};
        fields.error(key, fitting.error().message, "write a value that fits the type");
        return std::nullopt;
    }

    std::optional<Step> read_write(Fields& step, const std::string& what) {
        const Node* node = step.map("write");
        if (node == nullptr) return std::nullopt;
        Fields fields(*node, fmt::format("'write' of {}", what), diagnostics_);
        const std::string_view key = fields.has("bytes") ? "bytes" : "value";
        std::optional<Content> to_write;
        if (key == "bytes" && fields.has("value"))
            fields.error("value", "'value' and 'bytes' together", "keep one of them");
        else if (key == "bytes")
            to_write = bytes(fields);
        else if (fields.need("value", "write what goes to the device: value: 1") != nullptr)
            to_write = content(fields, "value");
        auto bound = bind(fields, {false, true}, key, std::move(to_write));
        if (!bound) return std::nullopt;
        return WriteStep{bound->index, std::move(bound->value), std::move(bound->blank)};
    }

    /// A message as it stands: all of it is the adapter's.
    std::optional<Step> read_publish(Fields& step, const std::string& what) {
        const Node* node = step.map("publish");
        if (node == nullptr || !shape_) return std::nullopt;
        Fields fields(*node, fmt::format("'publish' of {}", what), diagnostics_);
        const auto index = adapter_.add_point(*shape_, fields, nullptr, {false, true});
        fields.done();
        if (!index) return std::nullopt;
        return WriteStep{*index, std::string(), nullptr};
    }

    std::optional<Step> read_wait(Fields& step) {
        using namespace std::chrono_literals;
        const auto given = bounded_span(step, "wait", 1ms, 60s);
        if (!given) return std::nullopt;
        return WaitStep{*given};
    }

    std::optional<Step> read_expect(Fields& step, const std::string& what) {
        using namespace std::chrono_literals;
        const Node* node = step.map("expect");
        if (node == nullptr) return std::nullopt;
        Fields fields(*node, fmt::format("'expect' of {}", what), diagnostics_);
        std::optional<Content> equals;
        if (fields.need("equals", "write what the device must say: equals: 0") != nullptr) equals = content(fields, "equals");
        fields.need("within", "write until when: within: 2s");
        const auto within = bounded_span(fields, "within", 1ms, 60s);
        auto bound = bind(fields, {true, false}, "equals", std::move(equals));
        if (!bound || !within) return std::nullopt;
        return ExpectStep{bound->index, std::move(bound->value), *within, std::move(bound->blank)};
    }

    adapters::Adapter& adapter_;
    std::optional<adapters::ShapeId> shape_;
    const std::vector<Argument>& arguments_;
    base::Diagnostics& diagnostics_;
    std::vector<std::uint8_t> used_;
};

/// `args: {0: {type: int, min: 1, max: 10, default: 5}}`.
std::vector<Argument> read_arguments(const Node& args, const std::string& what, base::Diagnostics& diagnostics) {
    std::vector<Argument> arguments;
    for (const auto& member : args.members()) {
        if (member.key.size() != 1 || member.key[0] < '0' || member.key[0] > '9') {
            diagnostics.error(member.at, fmt::format("'args' of {}: '{}' is no argument of an Execute", what, member.key),
                              "they are numbered, from 0 to 9: args: {0: {type: int}}");
            continue;
        }
        Fields fields(member.value, fmt::format("argument {} of {}", member.key, what), diagnostics);
        if (!fields.valid()) continue;
        Argument argument;
        argument.number = static_cast<std::uint8_t>(member.key[0] - '0');
        fields.need("type", "write type: bool, int, float or string");
        const auto kind = fields.choice("type", {"bool", "int", "float", "string"});
        if (kind) argument.kind = static_cast<Argument::Kind>(*kind);
        fields.text("title");
        argument.least = fields.number("min");
        argument.most = fields.number("max");
        if (kind && argument.kind == Argument::Kind::boolean)
            for (const std::string_view bound : {"min", "max"})
                if (fields.has(bound)) fields.error(bound, fmt::format("'{}' of true or false", bound), "remove it");
        if (argument.least && argument.most && *argument.least > *argument.most)
            fields.error("max", "'max' is below 'min'", "exchange them");
        if (const Node* fallback = fields.find("default")) {
            argument.fallback = fallback->written();
            const bool number = fallback->kind() == Node::Kind::integer || fallback->kind() == Node::Kind::number;
            const double measure =
                argument.kind == Argument::Kind::text ? static_cast<double>(fallback->written().size()) : fallback->number();
            const bool good = !kind || (argument.kind == Argument::Kind::boolean   ? fallback->kind() == Node::Kind::boolean
                                        : argument.kind == Argument::Kind::integer ? fallback->kind() == Node::Kind::integer
                                        : argument.kind == Argument::Kind::number  ? number
                                                                                   : fallback->kind() == Node::Kind::text);
            if (!good || (argument.least && measure < *argument.least) || (argument.most && measure > *argument.most))
                fields.error(
                    "default",
                    fmt::format("'default' cannot be {}",
                                fallback->written().empty() ? std::string(fallback->kind_name()) : fallback->written()),
                    "write a value of its type and within its bounds");
        }
        fields.done();
        arguments.push_back(std::move(argument));
    }
    std::sort(arguments.begin(), arguments.end(), [](const Argument& a, const Argument& b) { return a.number < b.number; });
    return arguments;
}

Milliseconds allowance(const Step& step) {
    if (const auto* wait = std::get_if<WaitStep>(&step)) return wait->span;
    if (const auto* expect = std::get_if<ExpectStep>(&step)) return expect->within;
    return write_allowance;
}

}  // namespace

std::optional<Action> read_action(const Node::Member& member, ResourceTable& table, adapters::Adapter& adapter,
                                  std::optional<adapters::ShapeId> shape, std::uint16_t number,
                                  base::Diagnostics& diagnostics) {
    const std::size_t before = diagnostics.count();
    check_name(member, "an action", diagnostics);
    Fields fields(member.value, fmt::format("action '{}'", member.key), diagnostics);
    if (!fields.valid()) return std::nullopt;
    fields.need("execute", "name the resource that a server executes: execute: 3/0/4");
    if (const auto goal = table.execute_goal(fields, "execute")) {
        Resource resource;
        resource.source = Source::action;
        resource.number = number;
        table.add(*goal, std::move(resource), member.at, fields.what());
    }
    Action action;
    action.name = member.key;
    if (const Node* args = fields.map("args")) action.arguments = read_arguments(*args, fields.what(), diagnostics);
    fields.need("steps", "say what to do: steps: [{write: {at: coil:15, value: true}}]");
    if (const auto* steps = fields.list("steps")) {
        if (steps->empty() || steps->size() > most_steps)
            fields.error("steps", fmt::format("'steps' has {} steps", steps->size()),
                         fmt::format("write from 1 to {}", most_steps));
        Reader reader(adapter, shape, action.arguments, diagnostics);
        for (std::size_t i = 0; i < steps->size() && i < most_steps; ++i) {
            auto step = reader.read((*steps)[i], fmt::format("step {} of action '{}'", i + 1, member.key));
            if (!step) continue;
            action.deadline += allowance(*step);
            action.steps.push_back(std::move(*step));
        }
        for (const auto& argument : action.arguments)
            if (std::find(reader.used().begin(), reader.used().end(), argument.number) == reader.used().end())
                fields.error("args", fmt::format("argument {} is never used", argument.number),
                             fmt::format("write ${{arg.{}}} in a step, or remove it", argument.number));
    }
    fields.done();
    if (diagnostics.count() != before) return std::nullopt;
    return action;
}

}  // namespace mapping
