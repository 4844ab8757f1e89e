#include "mapping/substitute.hpp"

namespace mapping {

using base::Node;

namespace {

void collect(std::string_view text, const base::SourceLoc& at, bool in_key, std::vector<Reference>& found) {
    for (std::size_t open = text.find("${"); open != std::string_view::npos; open = text.find("${", open + 2)) {
        const auto close = text.find('}', open);
        if (close == std::string_view::npos) {
            found.push_back({std::string(text.substr(open + 2)), at, false, in_key});
            return;
        }
        found.push_back({std::string(text.substr(open + 2, close - open - 2)), at, true, in_key});
    }
}

void collect(const Node& node, std::vector<Reference>& found) {
    if (node.kind() == Node::Kind::text) collect(node.written(), node.at(), false, found);
    for (const auto& item : node.items()) collect(item, found);
    for (const auto& member : node.members()) {
        collect(member.key, member.at, true, found);
        collect(member.value, found);
    }
}

Node put_in(const Node& node, const Parameters& parameters) {
    const std::string& text = node.written();
    auto open = text.find("${");
    if (open == std::string::npos) return node;
    if (open == 0 && text.find('}') == text.size() - 1) {
        const auto found = parameters.find(std::string_view(text).substr(2, text.size() - 3));
        if (found == parameters.end()) return node;
        const Node& value = found->second;
        return value.kind() == Node::Kind::text ? Node::text(node.at(), value.written())
                                                : Node::plain(node.at(), value.written());
    }
    std::string result;
    std::size_t from = 0;
    while (open != std::string::npos) {
        const auto close = text.find('}', open);
        if (close == std::string::npos) break;
        const auto found = parameters.find(std::string_view(text).substr(open + 2, close - open - 2));
        result.append(text, from, open - from);
        if (found != parameters.end())
            result += found->second.written();
        else
            result.append(text, open, close + 1 - open);
        from = close + 1;
        open = text.find("${", from);
    }
    result.append(text, from);
    return Node::text(node.at(), std::move(result));
}

}  // namespace

std::vector<Reference> references(const Node& node) {
    std::vector<Reference> found;
    collect(node, found);
    return found;
}

Node substitute(const Node& node, const Parameters& parameters) {
    switch (node.kind()) {
        case Node::Kind::list: {
            std::vector<Node> items;
            items.reserve(node.items().size());
            for (const auto& item : node.items()) items.push_back(substitute(item, parameters));
            return Node::list(node.at(), std::move(items));
        }
        case Node::Kind::map: {
            std::vector<Node::Member> members;
            members.reserve(node.members().size());
            for (const auto& member : node.members())
                members.push_back({member.key, member.at, substitute(member.value, parameters)});
            return Node::map(node.at(), std::move(members));
        }
        case Node::Kind::text: return put_in(node, parameters);
        default: return node;
    }
}

}  // namespace mapping
