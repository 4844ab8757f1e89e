#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

/// Names and filters of MQTT (3.1.1 and 5, section 4.7).
namespace adapters::mqtt {

constexpr std::size_t longest_topic = 1'024;  ///< bytes; of MQTT's own 65,535 nobody uses more
constexpr std::size_t most_levels = 64;

/// UTF-8 without control characters, 1 to longest_topic bytes, at most most_levels levels; a name has no + and no #, a
/// filter has them only as whole levels, and # at the end.
bool is_topic(std::string_view text);
bool is_filter(std::string_view text);
/// Does a message on `topic` reach a subscription to `filter`?
bool matches(std::string_view filter, std::string_view topic);
/// The levels of a topic, in order.
std::vector<std::string_view> levels(std::string_view topic);

/// A topic with `${name}` in it: each stands for what a level holds there ("shelly-${mac}" too).
class TopicPattern {
public:
    /// Nothing when it cannot be: two names in one level, the same name twice, no filter.
    static std::optional<TopicPattern> parse(std::string_view text);

    /// For the subscription: levels with a name become +.
    const std::string& filter() const { return filter_; }
    const std::vector<std::string>& names() const { return names_; }
    /// What the names stand for; nothing when the topic is another.
    std::optional<std::map<std::string, std::string, std::less<>>> match(std::string_view topic) const;

private:
    struct Level {
        std::size_t index;
        std::string before, after;
        std::size_t name;
    };
    std::string filter_;
    std::vector<std::string> names_;
    std::vector<Level> captures_;
};

/// Which of many filters a topic fits: as many steps as the topic has levels, not as there are filters.
class TopicTrie {
public:
    using Value = std::uint32_t;
    /// `filter` is one (is_filter). The same filter may have several values.
    void add(std::string_view filter, Value value);
    void match(std::string_view topic, const std::function<void(Value)>& each) const;
    /// Filters that have at least one value.
    std::size_t size() const { return filters_; }

private:
    static constexpr std::uint32_t none = 0xFFFFFFFF;
    struct Node {
        std::uint32_t plus = none;
        std::vector<Value> here, below;  // below: of a filter that ends in #
    };
    struct Edge {
        std::uint32_t from;
        std::string level;
    };
    struct EdgeView {
        std::uint32_t from;
        std::string_view level;
    };
    struct Hash {
        using is_transparent = void;
        std::size_t operator()(const EdgeView& edge) const noexcept {
            return std::hash<std::string_view>{}(edge.level) ^ edge.from * 0x9E3779B97F4A7C15ULL;
        }
        std::size_t operator()(const Edge& edge) const noexcept { return (*this)(EdgeView{edge.from, edge.level}); }
    };
    struct Equal {
        using is_transparent = void;
        template <class A, class B>
        bool operator()(const A& a, const B& b) const noexcept {
            return a.from == b.from && std::string_view(a.level) == std::string_view(b.level);
        }
    };
    void walk(std::uint32_t node, std::string_view rest, bool ended, bool first, const std::function<void(Value)>& each) const;

    std::vector<Node> nodes_ = std::vector<Node>(1);
    std::unordered_map<Edge, std::uint32_t, Hash, Equal> edges_;
    std::size_t filters_ = 0;
};

}  // namespace adapters::mqtt
