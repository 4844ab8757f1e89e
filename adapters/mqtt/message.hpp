#pragma once

#include "adapters/api/adapter.hpp"

#include <optional>
#include <string>
#include <vector>

/// What we publish.
namespace adapters::mqtt {

struct Message {
    std::string topic;
    std::string payload;
    int qos = 0;
    bool retained = false;
};

constexpr std::size_t longest_payload = 65'536;  ///< bytes that we publish

/// A topic and a payload with `${value}` in it. In a JSON payload `"${value}"` alone takes the value's own JSON type; within
/// a longer text it stands as plain text.
class MessageTemplate {
public:
    /// Keys: topic, payload, qos, retain. Retained commands are refused: a broker would repeat them to every device that
    /// comes back. `may_hold_value`: false for a message that asks only.
    static std::optional<MessageTemplate> read(Fields&, bool may_hold_value, int default_qos);

    const std::string& topic() const { return topic_; }
    bool holds_value() const;
    Message render(const Scalar& value) const;
    /// The value out of a payload that this template made; nothing when it is another. For the simulator.
    std::optional<std::string> value_in(std::string_view payload) const;
    friend bool operator==(const MessageTemplate&, const MessageTemplate&) = default;

private:
    enum class Hole : std::uint8_t { none, plain, json, in_json_text };
    struct Piece {
        std::string text;
        Hole hole = Hole::none;  ///< after the text
        friend bool operator==(const Piece&, const Piece&) = default;
    };
    void add(std::string_view text, Hole hole);
    void add_text(std::string_view text, bool in_json);
    void add_json(const base::Node& node);

    std::string topic_;
    std::vector<Piece> pieces_;
    int qos_ = 1;
};

}  // namespace adapters::mqtt
