#include "mapping/profile.hpp"

#include "mapping/names.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <charconv>
#include <set>

namespace mapping {

using base::Diagnostics;
using base::Fields;
using base::Node;

namespace {

constexpr std::string_view sections[] = {"groups", "points", "actions", "device", "health"};

// `[a-z0-9-]+/[a-z0-9-]+`
bool is_profile_name(std::string_view text) {
    const auto slash = text.find('/');
    if (slash == 0 || slash == std::string_view::npos || slash + 1 == text.size() || text.size() > 128) return false;
    return std::all_of(text.begin(), text.end(), [&](const char& c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || &c == text.data() + slash;
    });
}

bool is_number(const Node& node) { return node.kind() == Node::Kind::integer || node.kind() == Node::Kind::number; }
bool is_scalar(const Node& node) {
    return node.kind() != Node::Kind::list && node.kind() != Node::Kind::map && node.kind() != Node::Kind::null;
}

// -- Parameters

std::optional<Parameter> read_parameter(const Node::Member& member, Diagnostics& diagnostics) {
    const std::size_t before = diagnostics.count();
    check_name(member, "a parameter", diagnostics);
    Parameter parameter;
    parameter.name = member.key;
    parameter.at = member.at;
    Fields fields(member.value, fmt::format("parameter '{}'", member.key), diagnostics);
    if (!fields.valid()) return std::nullopt;
    fields.need("type", "write type: bool, int, float, string, choice or secret");
    const auto kind = fields.choice("type", {"bool", "int", "float", "string", "choice", "secret"});
    if (kind) parameter.kind = static_cast<Parameter::Kind>(*kind);
    parameter.title = fields.text("title").value_or("");
    fields.boolean("advanced");
    parameter.least = fields.number("min");
    parameter.most = fields.number("max");
    if (kind && parameter.kind != Parameter::Kind::integer && parameter.kind != Parameter::Kind::number)
        for (const auto* bound : {"min", "max"})
            if (fields.has(bound)) fields.error(bound, fmt::format("'{}' is for int and float only", bound), "remove it");
    if (parameter.least && parameter.most && *parameter.least > *parameter.most)
        fields.error("max", "'max' is below 'min'", "exchange them");
    const auto* choices = fields.list("choices");
    if (kind && parameter.kind == Parameter::Kind::choice) {
        parameter.choices = fields.need("choices", "list the possible values: choices: [a, b]");
        if (choices != nullptr && choices->empty())
            fields.error("choices", "'choices' is empty", "list the possible values: choices: [a, b]");
        if (choices != nullptr)
            for (const auto& choice : *choices)
                if (!is_scalar(choice))
                    diagnostics.error(choice.at(), fmt::format("{}: a choice cannot be {}", fields.what(), choice.kind_name()),
                                      "write a word or a number");
    } else if (choices != nullptr && kind) {
        fields.error("choices", "'choices' is for type: choice only", "write type: choice, or remove it");
    }
    parameter.default_value = fields.find("default");
    fields.done();
    if (diagnostics.count() != before) return std::nullopt;
    if (parameter.default_value != nullptr) {
        if (parameter.kind == Parameter::Kind::secret && !parameter.default_value->written().empty())
            fields.error("default", "a secret cannot stand in a profile", "remove 'default', or write default: \"\" for none");
        else if (!fits(parameter, *parameter.default_value))
            fields.error("default",
                         fmt::format("'default' cannot be {}", parameter.default_value->kind() == Node::Kind::text
                                                                   ? "'" + parameter.default_value->written() + "'"
                                                               : is_scalar(*parameter.default_value)
                                                                   ? parameter.default_value->written()
                                                                   : std::string(parameter.default_value->kind_name())),
                         fmt::format("write {}", kind_text(parameter)));
    }
    if (diagnostics.count() != before) return std::nullopt;
    return parameter;
}

// -- `${…}`

/// What is wrong with a name that is no parameter, and what to do.
std::pair<std::string, std::string> unknown_reference(const std::string& name, const std::vector<std::string_view>& known) {
    if (name.rfind("secret:", 0) == 0)
        return {"a profile names no secrets",
                "declare a parameter of type: secret, and let the device set it: set: {key: \"${" + name + "}\"}"};
    if (name == "value" || name == "address" || name == "unit" || name.rfind("arg.", 0) == 0)
        return {fmt::format("'${{{}}}' has no meaning here", name), "use a parameter of the profile"};
    return {fmt::format("'${{{}}}' is no parameter of the profile", name),
            suggestion(name, known, "declare it under params:, or remove it")};
}

/// Words of all `calc` below a node: parameters stand there without `${}`.
void note_expressions(const Node& node, std::set<std::string, std::less<>>& used) {
    const auto is_word = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; };
    for (const auto& member : node.members()) {
        note_expressions(member.value, used);
        if (member.key != "calc") continue;
        const std::string& text = member.value.written();
        for (std::size_t i = 0; i < text.size();) {
            std::size_t end = i;
            while (end < text.size() && is_word(text[end])) ++end;
            if (end > i) used.insert(text.substr(i, end - i));
            i = end > i ? end : i + 1;
        }
    }
    for (const auto& item : node.items()) note_expressions(item, used);
}

void check_references(const Profile& profile, const std::vector<std::string_view>& known, Diagnostics& diagnostics) {
    std::set<std::string, std::less<>> used;
    const auto check = [&](const Node& section, bool may_be_secret) {
        for (const auto& reference : references(section)) {
            if (reference.in_key) {
                diagnostics.error(reference.at, "a key cannot contain '${…}'", "write it in values only");
            } else if (!reference.closed) {
                diagnostics.error(reference.at, "'${' without '}'", "write ${name}");
            } else if (reference.name.rfind("arg.", 0) == 0 && &section == profile.root->find("actions")) {
                // An argument of an Execute; its action knows it.
            } else if (reference.name == "address" && profile.protocol == "ble" && &section == profile.root->find("device")) {
                // What the radio calls the device; its reader knows where that may stand.
            } else if (reference.name == "value" && &section == profile.root->find("points")) {
                // What is written, in a message; the adapter knows where that may stand.
            } else if (std::find(known.begin(), known.end(), reference.name) == known.end()) {
                const auto [what, remedy] = unknown_reference(reference.name, known);
                diagnostics.error(reference.at, what, remedy);
            } else {
                used.insert(reference.name);
                for (const auto& parameter : profile.parameters)
                    if (parameter.name == reference.name && parameter.kind == Parameter::Kind::secret && !may_be_secret)
                        diagnostics.error(reference.at, fmt::format("the secret '${{{}}}' would be seen here", reference.name),
                                          fmt::format("use it in the section {}: only", profile.protocol));
            }
        }
    };
    for (const auto& member : profile.root->members()) {
        if (member.key == profile.protocol) check(member.value, true);
        if (std::find(std::begin(sections), std::end(sections), member.key) != std::end(sections)) {
            check(member.value, false);
            note_expressions(member.value, used);
        }
    }
    for (const auto& parameter : profile.parameters)
        if (used.find(parameter.name) == used.end())
            diagnostics.error(parameter.at, fmt::format("parameter '{}' is never used", parameter.name),
                              fmt::format("write ${{{}}} where it belongs, or remove it", parameter.name));
}

// -- `tests`

void check_tests(const std::vector<Node>& tests, Diagnostics& diagnostics) {
    for (const auto& test : tests) {
        Fields fields(test, "test", diagnostics);
        if (!fields.valid()) continue;
        fields.need("name", "say in a few words what it shows");
        fields.text("name");
        for (const auto* key : {"with", "given", "expect"}) fields.map(key);
        const bool write = fields.map("write") != nullptr, execute = fields.text("execute").has_value();
        if (fields.text("args") && !execute)
            fields.error("args", "'args' belong to an 'execute'", "remove it, or add execute:");
        fields.list("sends");
        if (fields.has("given") || fields.has("expect")) {
            fields.need("given", "write what the device holds: given: {\"holding:0\": [0x00F5]}");
            fields.need("expect", "write what a server reads: expect: {3303/0/5700: 24.5}");
        } else if (write || execute) {
            fields.need("sends", "write what goes to the device: sends: [\"05 0000 FF00\"]");
        } else if (!fields.has("write") && !fields.has("execute")) {
            fields.error("name", "a test needs 'given' and 'expect', or 'write' or 'execute' with 'sends'", "add them");
        }
        fields.done();
    }
}

std::optional<Profile> read_profile(const Node& file, Diagnostics& diagnostics) {
    const std::size_t before = diagnostics.count();
    Fields fields(file, "the profile", diagnostics);
    if (!fields.valid()) return std::nullopt;
    check_format(fields);
    Profile profile;
    profile.root = &file;
    fields.need("profile", "name the device type: profile: maker/model");
    if (const auto name = fields.text("profile")) {
        profile.name = *name;
        if (!is_profile_name(*name))
            fields.error("profile", fmt::format("'{}' is no name of a profile", *name),
                         "write maker/model in small letters, digits and -");
    }
    fields.need("revision", "begin with revision: 1");
    profile.revision = fields.integer("revision", 1, 1'000'000).value_or(0);
    profile.title = fields.text("title").value_or("");
    fields.text("source");
    fields.need("protocol", "write protocol: modbus");
    profile.protocol = fields.text("protocol").value_or("");
    if (!profile.protocol.empty() && (!is_name(profile.protocol) || std::find(std::begin(sections), std::end(sections),
                                                                              profile.protocol) != std::end(sections)))
        fields.error("protocol", fmt::format("'{}' is no protocol", profile.protocol),
                     "write the adapter's name, such as modbus");
    else if (!profile.protocol.empty())
        fields.known(profile.protocol);
    fields.need("points", "say what the device has: points: {temperature: {at: holding:0, to: 3303/0}}");
    for (const auto section : sections) fields.map(section);
    bool parameters_fine = true;
    if (const Node* parameters = fields.map("params"))
        for (const auto& member : parameters->members()) {
            if (auto parameter = read_parameter(member, diagnostics))
                profile.parameters.push_back(std::move(*parameter));
            else
                parameters_fine = false;
        }
    if (const auto* tests = fields.list("tests")) check_tests(*tests, diagnostics);
    fields.done();
    if (parameters_fine) {
        std::vector<std::string_view> known;
        for (const auto& parameter : profile.parameters) known.push_back(parameter.name);
        check_references(profile, known, diagnostics);
    }
    if (diagnostics.count() != before) return std::nullopt;
    return profile;
}

}  // namespace

std::string kind_text(const Parameter& parameter) {
    const auto bounds = [&](std::string_view kind) {
        if (parameter.least && parameter.most) return fmt::format("{} from {} to {}", kind, *parameter.least, *parameter.most);
        if (parameter.least) return fmt::format("{} of at least {}", kind, *parameter.least);
        if (parameter.most) return fmt::format("{} of at most {}", kind, *parameter.most);
        return std::string(kind);
    };
    switch (parameter.kind) {
        case Parameter::Kind::boolean: return "true or false";
        case Parameter::Kind::integer: return bounds("a whole number");
        case Parameter::Kind::number: return bounds("a number");
        case Parameter::Kind::text: return "text, in quotes if it looks like a number";
        case Parameter::Kind::secret: return "${secret:name}";
        case Parameter::Kind::choice: {
            std::string list;
            for (const auto& choice : parameter.choices->items()) list += (list.empty() ? "" : ", ") + choice.written();
            return fmt::format("one of {}", list);
        }
    }
    return "";
}

bool fits(const Parameter& parameter, const Node& value) {
    switch (parameter.kind) {
        case Parameter::Kind::boolean: return value.kind() == Node::Kind::boolean;
        case Parameter::Kind::integer:
            if (value.kind() != Node::Kind::integer) return false;
            break;
        case Parameter::Kind::number:
            if (!is_number(value)) return false;
            break;
        case Parameter::Kind::text:
        case Parameter::Kind::secret: return value.kind() == Node::Kind::text;
        case Parameter::Kind::choice:
            return std::any_of(parameter.choices->items().begin(), parameter.choices->items().end(), [&](const Node& choice) {
                return choice.kind() == value.kind() && choice.written() == value.written();
            });
    }
    return !(parameter.least && value.number() < *parameter.least) && !(parameter.most && value.number() > *parameter.most);
}

Library::Library(const std::vector<Node>& files, Diagnostics& diagnostics) {
    for (const auto& file : files) {
        auto profile = read_profile(file, diagnostics);
        if (!profile) {
            const Node* name = file.find("profile");
            broken_.push_back(name != nullptr ? name->written() : "");
            continue;
        }
        const auto twin =
            std::find_if(profiles_.begin(), profiles_.end(), [&](const Profile& p) { return p.id() == profile->id(); });
        if (twin == profiles_.end()) profiles_.push_back(std::move(*profile));
    }
}

const Profile* Library::find(std::string_view reference, const base::SourceLoc& at, Diagnostics& diagnostics) const {
    const auto sign = reference.rfind('@');
    const auto name = reference.substr(0, sign);
    std::int64_t revision = 0;
    if (sign != std::string_view::npos) {
        const char* last = reference.data() + reference.size();
        const auto [end, error] = std::from_chars(reference.data() + sign + 1, last, revision);
        if (error != std::errc{} || end != last) revision = 0;
    }
    std::vector<std::int64_t> revisions;
    for (const auto& profile : profiles_) {
        if (profile.name != name) continue;
        if (profile.revision == revision) return &profile;
        revisions.push_back(profile.revision);
    }
    if (std::find(broken_.begin(), broken_.end(), name) != broken_.end()) return nullptr;  // told at the profile
    std::sort(revisions.begin(), revisions.end());
    if (!revisions.empty() && revision == 0) {
        diagnostics.error(at, fmt::format("profile '{}' without its revision", reference),
                          fmt::format("write {}@{}", name, revisions.back()));
    } else if (!revisions.empty()) {
        diagnostics.error(at, fmt::format("profile '{}' has no revision {}", name, revision),
                          fmt::format("there {} {}@{}", revisions.size() == 1 ? "is" : "are", name,
                                      fmt::join(revisions, fmt::format(", {}@", name))));
    } else {
        std::vector<std::string_view> names;
        for (const auto& profile : profiles_)
            if (std::find(names.begin(), names.end(), profile.name) == names.end()) names.push_back(profile.name);
        std::sort(names.begin(), names.end());
        diagnostics.error(at, fmt::format("there is no profile '{}'", name),
                          suggestion(name, names, "put it into profiles/<maker>/<model>.yaml"));
    }
    return nullptr;
}

std::optional<Parameters> set_parameters(const Profile& profile, Fields& device, const SecretLookup& secret) {
    Diagnostics& diagnostics = device.diagnostics();
    const std::size_t before = diagnostics.count();
    const Node* set = device.map("set");
    Parameters parameters;
    std::vector<std::string_view> names;
    for (const auto& parameter : profile.parameters) {
        names.push_back(parameter.name);
        const Node* given = set != nullptr ? set->find(parameter.name) : nullptr;
        if (given == nullptr) {
            if (parameter.default_value != nullptr) {
                parameters.emplace(parameter.name, *parameter.default_value);
            } else {
                device.error("set",
                             fmt::format("parameter '{}'{} of {} is missing", parameter.name,
                                         parameter.title.empty() ? "" : fmt::format(" ({})", parameter.title), profile.id()),
                             fmt::format("add set: {{{}: …}} with {}", parameter.name, kind_text(parameter)));
            }
            continue;
        }
        const auto wrong = [&](std::string_view what, std::string_view remedy) {
            diagnostics.error(given->at(), fmt::format("{}: {}", device.what(), what), remedy);
        };
        const bool is_text = given->kind() == Node::Kind::text;
        const std::string& written = given->written();
        const bool named = is_text && written.rfind("${secret:", 0) == 0 && written.back() == '}';
        if (parameter.kind == Parameter::Kind::secret) {
            if (!named) {  // its text is not repeated: it may be the secret
                wrong(fmt::format("parameter '{}' is a secret and stands here in clear", parameter.name),
                      "put it into a secret file and write \"${secret:name}\"");
                continue;
            }
            const auto name = std::string_view(written).substr(9, written.size() - 10);
            auto content = secret ? secret(name) : base::fail(base::Errc::not_found, "no place for secrets is known");
            if (content)
                parameters.emplace(parameter.name, Node::text(given->at(), std::move(*content)));
            else
                wrong(fmt::format("secret '{}': {}", name, content.error().message),
                      "make the file, readable by the gateway only");
        } else if (named) {
            wrong(fmt::format("parameter '{}' is no secret and could be shown", parameter.name),
                  "write its value, or let the profile say type: secret");
        } else if (is_text && written.find("${") != std::string::npos) {
            wrong(fmt::format("'${{…}}' is not replaced in the value of '{}'", parameter.name), "write the value itself");
        } else if (!fits(parameter, *given)) {
            wrong(fmt::format("parameter '{}' cannot be {}", parameter.name,
                              is_text             ? "'" + written + "'"
                              : is_scalar(*given) ? written
                                                  : std::string(given->kind_name())),
                  fmt::format("write {}", kind_text(parameter)));
        } else {
            parameters.emplace(parameter.name, *given);
        }
    }
    if (set != nullptr)
        for (const auto& member : set->members())
            if (std::find(names.begin(), names.end(), member.key) == names.end())
                diagnostics.error(member.at,
                                  fmt::format("{}: {} has no parameter '{}'", device.what(), profile.id(), member.key),
                                  suggestion(member.key, names, "remove it"));
    if (diagnostics.count() != before) return std::nullopt;
    return parameters;
}

}  // namespace mapping
