#include "adapters/mqtt/message.hpp"

#include "adapters/mqtt/json.hpp"
#include "adapters/mqtt/topics.hpp"

#include <algorithm>

namespace adapters::mqtt {

namespace {

using base::Node;

constexpr std::string_view hole_text = "${value}";

/// Names between `${` and `}` in all texts below a node, other than `value`.
void strange_references(const Node& node, std::vector<std::string>& found) {
    const std::string& text = node.written();
    for (auto open = text.find("${"); open != std::string::npos; open = text.find("${", open + 2)) {
        const auto name = text.substr(open + 2, text.find('}', open) - open - 2);
        if (name != "value") found.push_back(name);
    }
    for (const auto& item : node.items()) strange_references(item, found);
    for (const auto& member : node.members()) strange_references(member.value, found);
}

}  // namespace

void MessageTemplate::add(std::string_view text, Hole hole) {
    if (!pieces_.empty() && pieces_.back().hole == Hole::none) {
        pieces_.back().text += text;
        pieces_.back().hole = hole;
    } else {
        pieces_.push_back({std::string(text), hole});
    }
}

void MessageTemplate::add_text(std::string_view text, bool in_json) {
    const auto written = [in_json](std::string_view part) {
        if (!in_json) return std::string(part);
        const auto quoted = json_text(part);
        return quoted.substr(1, quoted.size() - 2);
    };
    while (true) {
        const auto open = text.find(hole_text);
        if (open == std::string_view::npos) return add(written(text), Hole::none);
        add(written(text.substr(0, open)), in_json ? Hole::in_json_text : Hole::plain);
        text.remove_prefix(open + hole_text.size());
    }
}

void MessageTemplate::add_json(const Node& node) {
    switch (node.kind()) {
        case Node::Kind::map: {
            std::string before = "{";
            for (const auto& member : node.members()) {
                add(before + json_text(member.key) + ":", Hole::none);
                add_json(member.value);
                before = ",";
            }
            add(node.members().empty() ? "{}" : "}", Hole::none);
            break;
        }
        case Node::Kind::list: {
            std::string before = "[";
            for (const auto& item : node.items()) {
                add(before, Hole::none);
                add_json(item);
                before = ",";
            }
            add(node.items().empty() ? "[]" : "]", Hole::none);
            break;
        }
        case Node::Kind::text:
            if (node.written() == hole_text) return add("", Hole::json);
            add("\"", Hole::none);
            add_text(node.written(), true);
            add("\"", Hole::none);
            break;
        case Node::Kind::integer:
            // 0x10 is a number to YAML and none to JSON.
            add(fmt::format("{}", node.integer()), Hole::none);
            break;
        case Node::Kind::number: add(fmt::format("{}", node.number()), Hole::none); break;
        case Node::Kind::boolean: add(node.boolean() ? "true" : "false", Hole::none); break;
        case Node::Kind::null: add("null", Hole::none); break;
    }
}

std::optional<MessageTemplate> MessageTemplate::read(Fields& fields, bool may_hold_value, int default_qos) {
    const std::size_t before = fields.diagnostics().count();
    MessageTemplate made;
    fields.need("topic", "say where it is published: topic: \"cmnd/plug/POWER\"");
    if (const auto topic = fields.text("topic")) {
        if (topic->find(hole_text) != std::string::npos)
            fields.error("topic", "a topic does not depend on the value", "write ${value} in 'payload'");
        else if (!is_topic(*topic))
            fields.error("topic", fmt::format("'{}' is no topic to publish on", *topic), "a topic has no + and no #");
        made.topic_ = *topic;
    }
    const Node* payload = fields.find("payload");
    if (payload == nullptr) {
        if (may_hold_value) made.add("", Hole::plain);
    } else {
        std::vector<std::string> strange;
        strange_references(*payload, strange);
        for (const auto& name : strange)
            fields.error("payload", fmt::format("'${{{}}}' has no meaning here", name), "use ${value} or a parameter");
        if (payload->kind() == Node::Kind::map || payload->kind() == Node::Kind::list)
            made.add_json(*payload);
        else if (payload->kind() != Node::Kind::null)
            made.add_text(payload->written(), false);
        if (made.holds_value() && !may_hold_value)
            fields.error("payload", "there is no value in a message that asks", "remove ${value}");
        std::size_t size = 0;
        for (const auto& piece : made.pieces_) size += piece.text.size();
        if (size > longest_payload / 2) fields.error("payload", "'payload' is too long", "write at most 32 kB");
    }
    made.qos_ = static_cast<int>(fields.integer("qos", 0, 2).value_or(default_qos));
    if (const auto retain = fields.boolean("retain"); retain && *retain)
        fields.error("retain", "a retained command fires again whenever the device comes back",
                     "remove 'retain'; state belongs to the device");
    if (fields.diagnostics().count() != before) return std::nullopt;
    return made;
}

bool MessageTemplate::holds_value() const {
    return std::any_of(pieces_.begin(), pieces_.end(), [](const Piece& piece) { return piece.hole != Hole::none; });
}

Message MessageTemplate::render(const Scalar& value) const {
    Message message{topic_, {}, qos_, false};
    for (const auto& piece : pieces_) {
        message.payload += piece.text;
        const auto* bytes = std::get_if<base::Bytes>(&value);
        switch (piece.hole) {
            case Hole::none: break;
            case Hole::plain:
                message.payload += bytes != nullptr ? std::string(base::as_text(*bytes)) : plain_value(value);
                break;
            case Hole::json: message.payload += json_value(value); break;
            case Hole::in_json_text: {
                const auto quoted = json_text(plain_value(value));
                message.payload += quoted.substr(1, quoted.size() - 2);
                break;
            }
        }
    }
    return message;
}

std::optional<std::string> MessageTemplate::value_in(std::string_view payload) const {
    std::optional<std::string> value;
    for (std::size_t i = 0; i < pieces_.size(); ++i) {
        const Piece& piece = pieces_[i];
        if (!payload.starts_with(piece.text)) return std::nullopt;
        payload.remove_prefix(piece.text.size());
        if (piece.hole == Hole::none) continue;
        const auto end =
            i + 1 < pieces_.size() && !pieces_[i + 1].text.empty() ? payload.find(pieces_[i + 1].text) : payload.size();
        if (end == std::string_view::npos) return std::nullopt;
        std::string text(payload.substr(0, end));
        payload.remove_prefix(end);
        if (piece.hole == Hole::json)
            if (const auto json = Json::parse(text))
                if (const auto scalar = json->scalar(0)) text = plain_value(*scalar);
        value = text;
    }
    if (!payload.empty()) return std::nullopt;
    return value;
}

}  // namespace adapters::mqtt
