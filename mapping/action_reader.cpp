#include "mapping/action_reader.hpp"

#include "mapping/conversion_reader.hpp"
#include "mapping/names.hpp"
#include "mapping/type_builder.hpp"

#include <fmt/format.h>

namespace mapping {

using base::Fields;
using base::Node;

namespace {

class Reader {
public:
    Reader(adapters::Adapter& adapter, std::optional<adapters::ShapeId> shape, base::Diagnostics& diagnostics)
        : adapter_(adapter), shape_(shape), diagnostics_(diagnostics) {}

    std::optional<Step> read(const Node& node, const std::string& what) {
        Fields fields(node, what, diagnostics_);
        if (!fields.valid()) return std::nullopt;
        refuse_later(fields, {{"publish", "it is for devices behind a broker; use write"}});
        const bool write = fields.has("write"), wait = fields.has("wait"), expect = fields.has("expect");
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
        return std::nullopt;
    }

private:
    std::optional<adapters::Scalar> value(Fields& fields, std::string_view key, std::string_view remedy) {
        const Node* node = fields.need(key, remedy);
        if (node == nullptr) return std::nullopt;
        auto scalar = scalar_of(*node);
        if (!scalar)
            fields.error(key, fmt::format("'{}' cannot be {}", key, node->kind_name()),
                         "write a number, true or false, or a text");
        return scalar;
    }
    /// Binds the place and brings the value into the type that the device has there.
    std::optional<adapters::PointIndex> bind(Fields& fields, adapters::Access access, std::string_view key,
                                             std::optional<adapters::Scalar>& to_fit) {
        if (!shape_) return std::nullopt;
        const auto index = adapter_.add_point(*shape_, fields, nullptr, access);
        fields.done();
        if (!index || !to_fit) return index;
        Conversion::Rules rules;
        rules.kind = adapter_.kind(*shape_, *index);
        if (!rules.kind) rules.kind = written_kind(fields.node());
        const auto value = std::visit([](const auto& v) { return lwm2m::Value(v); }, *to_fit);
        auto fitting = Conversion(std::make_shared<const Conversion::Rules>(std::move(rules))).write(value);
        if (fitting) {
            to_fit = std::move(*fitting);
        } else {
            fields.error(key, fitting.error().message, "write a value that fits the type");
            to_fit.reset();
        }
        return index;
    }

    std::optional<Step> read_write(Fields& step, const std::string& what) {
        const Node* node = step.map("write");
        if (node == nullptr) return std::nullopt;
        Fields fields(*node, fmt::format("'write' of {}", what), diagnostics_);
        refuse_later(fields, {{"bytes", "write value:"}});
        auto to_write = value(fields, "value", "write what goes to the device: value: 1");
        const auto index = bind(fields, {false, true}, "value", to_write);
        if (!index || !to_write) return std::nullopt;
        return WriteStep{*index, *to_write};
    }

    std::optional<Milliseconds> span(Fields& fields, std::string_view key) {
        const auto given = fields.span(key);
        if (!given) return std::nullopt;
        if (*given < std::chrono::milliseconds(1) || *given > std::chrono::seconds(60)) {
            fields.error(key, fmt::format("'{}' is {}, out of range", key, base::span_text(*given)),
                         "write a span from 1ms to 60s");
            return std::nullopt;
        }
        return std::chrono::duration_cast<Milliseconds>(*given);
    }

    std::optional<Step> read_wait(Fields& step) {
        const auto given = span(step, "wait");
        if (!given) return std::nullopt;
        return WaitStep{*given};
    }

    std::optional<Step> read_expect(Fields& step, const std::string& what) {
        const Node* node = step.map("expect");
        if (node == nullptr) return std::nullopt;
        Fields fields(*node, fmt::format("'expect' of {}", what), diagnostics_);
        refuse_later(fields, {{"from", "it is for devices behind a broker; use at"},
                              {"pick", "it is for devices behind a broker; use at"}});
        auto equals = value(fields, "equals", "write what the device must say: equals: 0");
        fields.need("within", "write until when: within: 2s");
        const auto within = span(fields, "within");
        const auto index = bind(fields, {true, false}, "equals", equals);
        if (!index || !equals || !within) return std::nullopt;
        return ExpectStep{*index, *equals, *within};
    }

    adapters::Adapter& adapter_;
    std::optional<adapters::ShapeId> shape_;
    base::Diagnostics& diagnostics_;
};

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
    refuse_later(fields, {{"args", "write the values in the steps"}});
    fields.need("execute", "name the resource that a server executes: execute: 3/0/4");
    if (const auto goal = table.execute_goal(fields, "execute")) {
        Resource resource;
        resource.source = Source::action;
        resource.number = number;
        table.add(*goal, std::move(resource), member.at, fields.what());
    }
    Action action;
    action.name = member.key;
    fields.need("steps", "say what to do: steps: [{write: {at: coil:15, value: true}}]");
    if (const auto* steps = fields.list("steps")) {
        if (steps->empty() || steps->size() > most_steps)
            fields.error("steps", fmt::format("'steps' has {} steps", steps->size()),
                         fmt::format("write from 1 to {}", most_steps));
        Reader reader(adapter, shape, diagnostics);
        for (std::size_t i = 0; i < steps->size() && i < most_steps; ++i) {
            auto step = reader.read((*steps)[i], fmt::format("step {} of action '{}'", i + 1, member.key));
            if (!step) continue;
            action.deadline += allowance(*step);
            action.steps.push_back(std::move(*step));
        }
    }
    fields.done();
    if (diagnostics.count() != before) return std::nullopt;
    return action;
}

}  // namespace mapping
