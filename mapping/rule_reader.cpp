#include "mapping/rule_reader.hpp"

#include "mapping/names.hpp"
#include "mapping/substitute.hpp"

#include <fmt/format.h>
#include <algorithm>

namespace mapping {

using base::Diagnostics;
using base::Fields;
using base::Node;

namespace {

constexpr std::size_t longest_name = 128;

class Reader {
public:
    Reader(const Node& node, const RuleContext& context, Diagnostics& diagnostics)
        : node_(with_serial(node, context)), context_(context), diagnostics_(diagnostics) {
        const Node* name = node.kind() == Node::Kind::map ? node.find("name") : nullptr;
        what_ = name != nullptr ? fmt::format("rule '{}'", name->written().substr(0, longest_name)) : "rule";
    }

    std::optional<Rule> read() {
        const std::size_t before = diagnostics_.count();
        Fields fields(node_, what_, diagnostics_);
        if (!fields.valid()) return std::nullopt;
        rule_.at = node_.at();
        fields.need("name", "give the rule a name: name: meters on the bus");
        rule_.name = fields.text("name").value_or("");
        if (fields.has("name") && (rule_.name.empty() || rule_.name.size() > longest_name))
            fields.error("name", "a name of this length cannot be", fmt::format("write 1 to {} characters", longest_name));
        fields.need("link", "say where to look: link: with a name from links: of gateway.yaml");
        const auto link = context_.link(fields);
        if (link) {
            rule_.link = *link;
            rule_.link_name = context_.links[*link].name;
        }
        read_approval(fields);
        if (const auto limit = fields.integer("limit", 1, 10'000)) rule_.limit = static_cast<std::size_t>(*limit);
        fields.known("make");
        if (link) {
            if (const auto number = context_.links[*link].driver->add_rule(fields)) {
                rule_.number = *number;
                facts_ = context_.links[*link].driver->facts(*number);
            }
            fields.done();
        }
        fields.need("make", "say what becomes of a find: make: {id: \"em24-${serial}\", profile: acme/em24@3}");
        if (const Node* make = fields.map("make")) read_make(*make, link);
        if (diagnostics_.count() != before || !link) return std::nullopt;
        return std::move(rule_);
    }

private:
    /// A rule that does not say where the serial number stands takes the place from the profile of its `make`, so that
    /// `${serial}` needs no second word. Only what reads the same without the rest of the profile.
    static Node with_serial(const Node& rule, const RuleContext& context) {
        const auto below = [](const Node* node, std::string_view key) -> const Node* {
            return node != nullptr && node->kind() == Node::Kind::map ? node->find(key) : nullptr;
        };
        const Node* reference = below(below(&rule, "make"), "profile");
        if (reference == nullptr || below(&rule, "serial") != nullptr) return rule;
        Diagnostics unheard;  // read_make tells it
        const Profile* profile = context.library.find(reference->written(), reference->at(), unheard);
        if (profile == nullptr) return rule;
        const Node* serial = below(below(profile->root, "device"), "serial");
        const Node* type = below(serial, "type");
        if (below(serial, "at") == nullptr || type == nullptr || !references(*serial).empty()) return rule;
        const Node* section = below(profile->root, profile->protocol);
        if (type->written() != "string" && below(section, "order") != nullptr && below(serial, "order") == nullptr) return rule;
        auto place = serial->members();
        if (const Node* addresses = below(section, "addresses")) place.push_back({"addresses", addresses->at(), *addresses});
        auto members = rule.members();
        members.push_back({"serial", serial->at(), Node::map(serial->at(), std::move(place))});
        return Node::map(rule.at(), std::move(members));
    }

    void read_approval(Fields& fields) {
        fields.need("approve", "write approve: manual, auto or allowlist");
        if (const auto approve = fields.choice("approve", {"manual", "auto", "allowlist"}))
            rule_.approve = static_cast<Rule::Approve>(*approve);
        const bool wanted = rule_.approve == Rule::Approve::allowlist;
        if (wanted) fields.need("allow", "list what may become a device: allow: [\"0001\", \"00*\"]");
        const auto* allow = fields.list("allow");
        if (allow == nullptr) return;
        if (!wanted && fields.has("approve"))
            fields.error("allow", "'allow' without approve: allowlist", "write approve: allowlist, or remove it");
        if (allow->empty() || allow->size() > 10'000)
            fields.error("allow", fmt::format("'allow' has {} entries", allow->size()), "write from 1 to 10000");
        for (const auto& pattern : *allow) {
            if (pattern.written().empty() || pattern.written().size() > longest_name)
                diagnostics_.error(pattern.at(), fmt::format("{}: 'allow': {} is no pattern", what_, pattern.kind_name()),
                                   "write a key or id; * stands for anything, ? for one character");
            else
                rule_.allow.push_back(pattern.written());
        }
    }

    /// Is it possible that a find says this?
    void check_references(const Node& value, const std::string& what) {
        for (const auto& reference : references(value)) {
            if (!reference.closed) {
                diagnostics_.error(reference.at, fmt::format("{}: '${{' without '}}'", what), "write ${name}");
            } else if (reference.name.rfind("secret:", 0) == 0) {
                diagnostics_.error(reference.at, fmt::format("{}: a secret would be seen here", what),
                                   "give it to a parameter of type: secret, alone: \"${secret:name}\"");
            } else if (facts_ && reference.name != "key" &&
                       std::find(facts_->begin(), facts_->end(), reference.name) == facts_->end()) {
                std::vector<std::string_view> known(facts_->begin(), facts_->end());
                known.push_back("key");
                diagnostics_.error(reference.at, fmt::format("{}: nothing that is found says '${{{}}}'", what, reference.name),
                                   reference.name == "serial"
                                       ? "say where it stands: serial: {at: …, type: string, length: …} in the rule, or "
                                         "below device: of the profile"
                                       : suggestion(reference.name, known, ""));
            }
        }
    }

    void read_make(const Node& node, std::optional<std::size_t> link) {
        const auto what = fmt::format("'make' of {}", what_);
        Fields make(node, what, diagnostics_);
        make.need("id", "name the devices: id: \"em24-${serial}\"");
        if (const auto id = make.text("id")) {
            rule_.id = *id;
            const Node& text = *make.find("id");
            check_references(text, what);
            if (references(text).empty() && rule_.limit != 1)
                make.error("id", fmt::format("all devices would be called '{}'", *id),
                           "put in what tells them apart: \"em24-${serial}\"; or write limit: 1");
        }
        make.need("profile", "say what it is: profile: maker/model@1");
        const Profile* profile = nullptr;
        if (const auto reference = make.text("profile")) {
            profile = context_.library.find(*reference, make.find("profile")->at(), diagnostics_);
            rule_.profile = *reference;
        }
        const Node* set = make.map("set");
        make.done();
        if (profile == nullptr) return;
        if (link && context_.links[*link].adapter != profile->protocol)
            make.error("profile",
                       fmt::format("{} speaks {}, link '{}' speaks {}", profile->id(), profile->protocol, rule_.link_name,
                                   context_.links[*link].adapter),
                       "choose another link or profile");
        read_set(make, set, *profile);
    }

    void read_set(Fields& make, const Node* set, const Profile& profile) {
        std::vector<std::string_view> names;
        for (const auto& parameter : profile.parameters) {
            names.push_back(parameter.name);
            const Node* given = set != nullptr ? set->find(parameter.name) : nullptr;
            if (given != nullptr)
                read_setting(parameter, *given, make.what());
            else
                take_fact(parameter, make, profile);
        }
        if (set == nullptr) return;
        for (const auto& member : set->members())
            if (std::find(names.begin(), names.end(), member.key) == names.end())
                diagnostics_.error(member.at,
                                   fmt::format("{}: {} has no parameter '{}'", make.what(), profile.id(), member.key),
                                   suggestion(member.key, names, "remove it"));
    }

    static bool is_text(const Parameter& parameter) {
        return parameter.kind == Parameter::Kind::text || parameter.kind == Parameter::Kind::secret ||
               parameter.kind == Parameter::Kind::choice;
    }

    /// A parameter that `set` does not name takes the fact of its own name.
    void take_fact(const Parameter& parameter, Fields& make, const Profile& profile) {
        const bool secret = parameter.kind == Parameter::Kind::secret;
        const bool possible = !secret && (!facts_ || parameter.name == "key" ||
                                          std::find(facts_->begin(), facts_->end(), parameter.name) != facts_->end());
        if (parameter.default_value == nullptr && !possible)
            make.error("set",
                       fmt::format("parameter '{}' of {} has no value, and nothing that is found says it", parameter.name,
                                   profile.id()),
                       fmt::format("add set: {{{}: …}} with {}", parameter.name, kind_text(parameter)));
        if (possible)
            rule_.set.push_back({parameter.name, Node::text(node_.at(), "${" + parameter.name + "}"), is_text(parameter),
                                 parameter.default_value != nullptr});
    }

    void read_setting(const Parameter& parameter, const Node& given, const std::string& what) {
        const auto wrong = [&](std::string_view mistake, std::string_view remedy) {
            diagnostics_.error(given.at(), fmt::format("{}: {}", what, mistake), remedy);
        };
        const std::string& written = given.written();
        const bool text = given.kind() == Node::Kind::text;
        if (parameter.kind == Parameter::Kind::secret) {
            if (!text || written.rfind("${secret:", 0) != 0 || written.find('}') != written.size() - 1) {
                wrong(fmt::format("parameter '{}' is a secret and stands here in clear", parameter.name),
                      "put it into a secret file and write \"${secret:name}\"");
                return;
            }
            const auto name = std::string_view(written).substr(9, written.size() - 10);
            const auto content =
                context_.secret ? context_.secret(name) : base::fail(base::Errc::not_found, "no place for secrets is known");
            if (!content)
                wrong(fmt::format("secret '{}': {}", name, content.error().message),
                      "make the file, readable by the gateway only");
        } else if (text && !references(given).empty()) {
            check_references(given, what);
        } else if (!fits(parameter, given)) {
            const bool plain = given.kind() == Node::Kind::list || given.kind() == Node::Kind::map || written.empty();
            wrong(fmt::format("parameter '{}' cannot be {}", parameter.name,
                              plain  ? std::string(given.kind_name())
                              : text ? "'" + written + "'"
                                     : written),
                  fmt::format("write {}", kind_text(parameter)));
        }
        rule_.set.push_back({parameter.name, given, is_text(parameter), false});
    }

    const Node node_;
    const RuleContext& context_;
    Diagnostics& diagnostics_;
    std::string what_;
    Rule rule_;
    std::optional<std::vector<std::string>> facts_;
};

}  // namespace

std::optional<Rule> read_rule(const Node& node, const RuleContext& context, Diagnostics& diagnostics) {
    return Reader(node, context, diagnostics).read();
}

}  // namespace mapping
