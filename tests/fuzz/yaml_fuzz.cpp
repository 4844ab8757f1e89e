// Any bytes as a file of the site: read_yaml answers, in bounds, with a node or with a reason.
#include "config/yaml_reader.hpp"

#include "gateway/base/bytes.hpp"

#include <cstdio>
#include <cstdlib>

namespace {

void must(bool holds, const char* what) {
    if (holds) return;
    std::fprintf(stderr, "does not hold: %s\n", what);
    std::abort();
}

std::size_t nodes = 0;

void walk(const base::Node& node, int depth) {
    using Kind = base::Node::Kind;
    must(++nodes <= config::yaml_most_nodes + config::yaml_most_aliased, "not more nodes than the limit");
    const bool inner = node.kind() == Kind::list || node.kind() == Kind::map;
    must(!inner || depth <= config::yaml_most_depth, "not deeper than the limit");
    must(node.at().line >= 1 && node.at().column >= 1, "every node has a place");
    must(base::is_utf8(node.written()) || node.kind() == Kind::text, "what is written is UTF-8");
    for (const auto& item : node.items()) walk(item, depth + 1);
    for (const auto& member : node.members()) {
        must(member.at.line >= 1 && member.at.column >= 1, "every key has a place");
        walk(member.value, depth + 1);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    base::Diagnostics diagnostics;
    const auto node = config::read_yaml(base::as_text({data, size}), "fuzz.yaml", diagnostics);
    must(node || !diagnostics.ok(), "nothing comes with a reason");
    nodes = 0;
    if (node) walk(*node, 1);
    must(base::is_utf8(diagnostics.str()), "reasons are text");
    return 0;
}
