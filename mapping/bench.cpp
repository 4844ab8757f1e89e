#include "mapping/bench.hpp"

#include "mapping/profile.hpp"

#include <fmt/format.h>
#include <algorithm>

namespace mapping {

using base::Diagnostics;
using base::Node;

namespace {

constexpr std::string_view bench_link = "bench";

/// A link of the protocol that leads nowhere (192.0.2.0/24 is for documents).
Node nowhere(std::string_view protocol, const base::SourceLoc& at) {
    const std::string_view where = protocol == "modbus" ? "tcp://192.0.2.1:502"
                                   : protocol == "mqtt" ? "mqtt://192.0.2.1"
                                   : protocol == "ble"  ? "hci0"
                                                        : "bench";
    return Node::map(at, {{std::string(protocol), at, Node::text(at, std::string(where))}});
}

/// A value that a parameter without default may have; nothing: its own declaration is broken, which is told elsewhere.
std::optional<Node> made_up(std::string_view name, const Node& declaration) {
    const auto& at = declaration.at();
    const auto scalar = [&](std::string_view key) { return declaration.find(key); };
    const Node* type = scalar("type");
    if (type == nullptr) return std::nullopt;
    const std::string& kind = type->written();
    if (kind == "bool") return Node::plain(at, "false");
    if (kind == "string") return Node::text(at, "bench");
    if (kind == "secret") return Node::text(at, fmt::format("${{secret:{}}}", name));
    if (kind == "choice") {
        const Node* choices = scalar("choices");
        if (choices == nullptr || choices->items().empty()) return std::nullopt;
        return choices->items().front();
    }
    if (kind != "int" && kind != "float") return std::nullopt;
    if (const Node* least = scalar("min")) return *least;
    if (const Node* most = scalar("max"); most != nullptr && most->number() < 1) return *most;
    return Node::plain(at, "1");
}

bool is_secret(const Node* declared, std::string_view name) {
    const Node* parameter = declared != nullptr && declared->kind() == Node::Kind::map ? declared->find(name) : nullptr;
    const Node* type = parameter != nullptr && parameter->kind() == Node::Kind::map ? parameter->find("type") : nullptr;
    return type != nullptr && type->written() == "secret";
}

/// `given`, and what it leaves open. Secrets become names: a test may say what stands in its secret, a device may not.
std::vector<Node::Member> complete(const Node* declared, const Node* given) {
    std::vector<Node::Member> set;
    if (given != nullptr)
        for (const auto& member : given->members()) {
            const bool named = is_secret(declared, member.key) && member.value.written().find("${") == std::string::npos;
            set.push_back({member.key, member.at,
                           named ? Node::text(member.value.at(), fmt::format("${{secret:{}}}", member.key)) : member.value});
        }
    if (declared == nullptr || declared->kind() != Node::Kind::map) return set;
    for (const auto& parameter : declared->members()) {
        const bool is_map = parameter.value.kind() == Node::Kind::map;
        const bool is_given = given != nullptr && given->find(parameter.key) != nullptr;
        if (!is_map || is_given || parameter.value.find("default") != nullptr) continue;
        if (auto value = made_up(parameter.key, parameter.value))
            set.push_back({parameter.key, parameter.at, std::move(*value)});
    }
    return set;
}

/// What stands in a secret that nobody gave: on a radio a passkey or a key, which have a form.
std::string made_up_secret(std::string_view protocol, std::string_view name) {
    if (protocol != "ble") return "bench";
    return name.find("pass") != std::string_view::npos || name.find("pin") != std::string_view::npos ? "000000"
                                                                                                     : std::string(32, '0');
}

}  // namespace

std::optional<Plan> compile_alone(const Node& root, const Node* parameters, const Bench& bench, Diagnostics& diagnostics) {
    const auto& at = root.at();
    const auto written = [&](std::string_view key) {
        const Node* node = root.kind() == Node::Kind::map ? root.find(key) : nullptr;
        return node != nullptr ? node->written() : std::string();
    };
    const std::string protocol = written("protocol");
    std::vector<Node::Member> device{
        {"id", at, Node::text(at, "bench")},
        {"profile", at, Node::text(at, fmt::format("{}@{}", written("profile"), written("revision")))},
        {"link", at, Node::text(at, std::string(bench_link))}};
    if (protocol == "modbus") device.push_back({"unit", at, Node::plain(at, "1")});
    std::optional<Node> set_by_test;  // of `with`, without what it says of the device itself
    if (protocol == "ble") {
        Node address = Node::text(at, "C0:00:00:00:00:01");
        std::vector<Node::Member> rest;
        for (const auto& member : parameters != nullptr ? parameters->members() : std::vector<Node::Member>{})
            if (member.key == "address" && (root.find("params") == nullptr || root.find("params")->find("address") == nullptr))
                address = Node::text(member.value.at(), member.value.written());
            else
                rest.push_back(member);
        if (parameters != nullptr) {
            set_by_test = Node::map(parameters->at(), std::move(rest));
            parameters = &*set_by_test;
        }
        device.push_back({"address", address.at(), std::move(address)});
    }
    const Node* declared = root.kind() == Node::Kind::map ? root.find("params") : nullptr;
    if (auto set = complete(declared, parameters); !set.empty())
        device.push_back({"set", parameters != nullptr ? parameters->at() : at, Node::map(at, std::move(set))});

    // The profile's own mistakes first: without a protocol there is no link to make.
    if (const std::size_t before = diagnostics.count(); protocol.empty()) {
        const std::vector<Node> alone{root};
        const Library library(alone, diagnostics);
        if (diagnostics.count() == before) diagnostics.error(at, "a profile without 'protocol'", "write protocol: modbus");
        return std::nullopt;
    }
    const Node links = Node::map(at, {{std::string(bench_link), at, nowhere(protocol, at)}});
    Sources sources;
    sources.profiles.push_back(root);
    sources.site.push_back(Node::map(
        at, {{"format", at, Node::plain(at, "1")}, {"devices", at, Node::list(at, {Node::map(at, std::move(device))})}}));
    sources.links = &links;
    sources.catalog = bench.catalog;
    sources.make = bench.make;
    sources.secret = [&](std::string_view name) -> base::Result<std::string> {
        const Node* given = parameters != nullptr ? parameters->find(name) : nullptr;
        const bool plain = given != nullptr && given->written().find("${") == std::string::npos;
        return plain ? given->written() : made_up_secret(protocol, name);
    };
    return compile(sources, diagnostics);
}

}  // namespace mapping
