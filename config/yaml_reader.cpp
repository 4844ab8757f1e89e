#include "config/yaml_reader.hpp"

#include "config/file.hpp"
#include "config/loose_scalar.hpp"
#include "config/yaml_text.hpp"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>
#include <sstream>
#include <unordered_map>

namespace config {

namespace {

using base::Diagnostics;
using base::Node;
using base::SourceLoc;

/// One node as the parser met it: aliases are still references, so that nothing has been expanded yet.
struct Raw {
    enum class Kind : std::uint8_t { scalar, list, map, alias };
    Kind kind = Kind::scalar;
    bool plain = false;
    bool open = false;   // list or map that has not ended: an alias in it cannot mean it
    std::size_t at = 0;  // byte in the text
    std::string value;
    std::vector<std::uint32_t> children;  // of a map: key, value, key, value …
    std::uint32_t target = 0;             // of an alias
};

/// Thrown through the parser when going on is useless; the reason has been told.
struct Stop {};

class Collector final : public YAML::EventHandler {
public:
    Collector(const YamlText& text, Diagnostics& diagnostics) : text_(text), diagnostics_(diagnostics) {}

    const std::vector<Raw>& nodes() const { return nodes_; }
    bool any() const { return !nodes_.empty(); }
    /// Where the list or map that has not ended begins.
    std::size_t innermost() const { return open_.empty() ? 0 : nodes_[open_.back()].at; }

    void OnDocumentStart(const YAML::Mark& mark) override {
        if (!ended_) return;
        diagnostics_.error(text_.place(at(mark)), "a second document, or content that belongs to nothing above",
                           "check the indentation; one document a file, without `---` between");
        throw Stop{};
    }
    void OnDocumentEnd() override { ended_ = true; }

    void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
        Raw raw;
        raw.plain = true;
        raw.at = at(mark);
        // The parser gives an empty value the place of what follows it.
        raw.value = text_.null_word(raw.at);
        if (raw.value.empty() && !open_.empty()) {
            const Raw& parent = nodes_[open_.back()];
            if (parent.kind == Raw::Kind::map && parent.children.size() % 2 == 1)
                raw.at = nodes_[parent.children.back()].at;
            else
                raw.at = text_.before(raw.at);
        }
        add(std::move(raw), anchor);
    }
    void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
        Raw raw;
        raw.kind = Raw::Kind::alias;
        raw.at = at(mark);
        const auto target = anchors_.find(anchor);
        if (target == anchors_.end() || nodes_[target->second].open) {
            diagnostics_.error(text_.place(raw.at), "an alias inside of what it stands for", "write the value out");
            throw Stop{};
        }
        raw.target = target->second;
        add(std::move(raw), YAML::NullAnchor);
    }
    void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, const std::string& value) override {
        Raw raw;
        raw.plain = tag != "!";
        raw.at = content(at(mark));
        raw.value = value;
        if (raw.plain && !text_.starts_with(raw.at, value)) {
            diagnostics_.error(text_.place(raw.at), "text without quotes over several lines",
                               "check the indentation of the lines below; or put the text in quotes");
        }
        if (!raw.plain && !text_.quote_ends(raw.at)) {
            diagnostics_.error(text_.place(raw.at), "the quote that begins here has no end", "close it");
            throw Stop{};
        }
        add(std::move(raw), anchor);
    }
    void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                         YAML::EmitterStyle::value) override {
        open(Raw::Kind::list, mark, anchor);
    }
    void OnSequenceEnd() override { close(); }
    void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor, YAML::EmitterStyle::value) override {
        open(Raw::Kind::map, mark, anchor);
    }
    void OnMapEnd() override { close(); }

private:
    static std::size_t at(const YAML::Mark& mark) { return mark.pos < 0 ? 0 : static_cast<std::size_t>(mark.pos); }

    /// Behind anchor and tag; a tag is told.
    std::size_t content(std::size_t from) {
        const auto properties = text_.properties(from);
        if (properties.tag)
            diagnostics_.error(text_.place(*properties.tag), "a tag", "leave the word with the `!` out; quotes make a text");
        return properties.end;
    }
    void open(Raw::Kind kind, const YAML::Mark& mark, YAML::anchor_t anchor) {
        Raw raw;
        raw.kind = kind;
        raw.open = true;
        raw.at = content(at(mark));
        if (open_.size() >= static_cast<std::size_t>(yaml_most_depth)) {
            diagnostics_.error(text_.place(raw.at), fmt::format("lists and maps nest deeper than {}", yaml_most_depth),
                               "flatten it; nothing in these files is that deep");
            throw Stop{};
        }
        add(std::move(raw), anchor);
        open_.push_back(static_cast<std::uint32_t>(nodes_.size() - 1));
    }
    void close() {
        nodes_[open_.back()].open = false;
        open_.pop_back();
    }
    void add(Raw raw, YAML::anchor_t anchor) {
        if (nodes_.size() >= yaml_most_nodes) {
            diagnostics_.error(text_.place(raw.at), fmt::format("over {} keys and values in one file", yaml_most_nodes),
                               "split it into several files");
            throw Stop{};
        }
        const auto number = static_cast<std::uint32_t>(nodes_.size());
        if (!open_.empty()) nodes_[open_.back()].children.push_back(number);
        if (anchor != YAML::NullAnchor) anchors_[anchor] = number;
        nodes_.push_back(std::move(raw));
    }

    const YamlText& text_;
    Diagnostics& diagnostics_;
    std::vector<Raw> nodes_;
    std::vector<std::uint32_t> open_;
    std::unordered_map<YAML::anchor_t, std::uint32_t> anchors_;
    bool ended_ = false;
};

/// Makes nodes of it: expands aliases under their budget, looks at each key and each plain scalar.
class Builder {
public:
    Builder(const YamlText& text, const std::vector<Raw>& nodes, Diagnostics& diagnostics)
        : text_(text), nodes_(nodes), diagnostics_(diagnostics) {}

    Node build(std::uint32_t number, int depth, bool secret = false) {
        const Raw& raw = nodes_[number];
        if (aliases_ > 0 && ++aliased_ > yaml_most_aliased) {
            diagnostics_.error(text_.place(alias_at_),
                               fmt::format("aliases expand to over {} keys and values", yaml_most_aliased),
                               "write the values out, or make a profile of what is alike");
            throw Stop{};
        }
        if (depth > yaml_most_depth) {
            diagnostics_.error(text_.place(alias_at_),
                               fmt::format("this alias makes lists and maps nest deeper than {}", yaml_most_depth),
                               "flatten it; nothing in these files is that deep");
            throw Stop{};
        }
        switch (raw.kind) {
            case Raw::Kind::scalar: return scalar(raw, secret);
            case Raw::Kind::list: {
                std::vector<Node> items;
                items.reserve(raw.children.size());
                for (const std::uint32_t child : raw.children) items.push_back(build(child, depth + 1, secret));
                return Node::list(text_.place(raw.at), std::move(items));
            }
            case Raw::Kind::map: return map(raw, depth);
            case Raw::Kind::alias: break;
        }
        if (aliases_++ == 0) alias_at_ = raw.at;
        Node node = build(raw.target, depth, secret);
        --aliases_;
        return node;
    }

private:
    Node scalar(const Raw& raw, bool secret) {
        const SourceLoc place = text_.place(raw.at);
        if (!raw.plain) return Node::text(place, raw.value);
        if (const auto loose = loose_scalar(raw.value)) {
            if (secret)  // its text must not reach a log
                diagnostics_.error(place, "a value that tools read differently", "put it in quotes");
            else
                diagnostics_.error(place, loose->what, loose->remedy);
        }
        return Node::plain(place, raw.value);
    }

    Node map(const Raw& raw, int depth) {
        std::vector<Node::Member> members;
        members.reserve(raw.children.size() / 2);
        std::unordered_map<std::string_view, std::size_t> seen;
        for (std::size_t i = 0; i + 1 < raw.children.size(); i += 2) {
            const Raw& key = nodes_[raw.children[i]];
            if (aliases_ > 0) ++aliased_;
            if (!check_key(key)) continue;
            const auto [first, fresh] = seen.emplace(key.value, key.at);
            if (!fresh) {
                diagnostics_.error(
                    text_.place(key.at),
                    fmt::format("the key '{}' is there already, in line {}", shown(key.value), text_.place(first->second).line),
                    "keep one of them");
                continue;
            }
            members.push_back(
                {key.value, text_.place(key.at), build(raw.children[i + 1], depth + 1, names_a_secret(key.value))});
        }
        return Node::map(text_.place(raw.at), std::move(members));
    }

    bool check_key(const Raw& key) {
        const SourceLoc place = text_.place(key.at);
        if (key.kind == Raw::Kind::list || key.kind == Raw::Kind::map) {
            diagnostics_.error(place, "a list or a map as a key", "a key is one word, a number or a text in quotes");
            return false;
        }
        if (key.kind == Raw::Kind::alias) {
            diagnostics_.error(place, "an alias as a key", "write the key out");
            return false;
        }
        if (!key.plain) return true;
        if (Node::plain(place, key.value).kind() == Node::Kind::null) {
            diagnostics_.error(place, "a key without a name", "write the key before the `:`");
            return false;
        }
        if (key.value == "<<") {
            diagnostics_.error(place, "`<<` merges maps in YAML 1.1 only", "write the keys out");
            return false;
        }
        if (const auto loose = loose_scalar(key.value))
            diagnostics_.error(place, fmt::format("as a key, {}", loose->what),
                               fmt::format("put it in quotes: \"{}\":", key.value));
        return true;
    }

    static std::string_view shown(std::string_view key) { return key.substr(0, 64); }

    static bool names_a_secret(std::string_view key) {
        for (const std::string_view word : {"key", "password", "passkey", "psk", "pin", "secret", "token"})
            if (key == word) return true;
        return false;
    }

    const YamlText& text_;
    const std::vector<Raw>& nodes_;
    Diagnostics& diagnostics_;
    int aliases_ = 0;  // that we are in
    std::size_t aliased_ = 0, alias_at_ = 0;
};

// What the parser says, in the words of somebody who looks for a mistake in a file.
void tell(const YAML::Exception& problem, const YamlText& text, std::size_t innermost, Diagnostics& diagnostics) {
    struct Words {
        std::string_view theirs, what, remedy;
    };
    static const Words words[] = {
        {YAML::ErrorMsg::MAP_VALUE, "a `:` that cannot stand here",
         "put text with a `:` in quotes; else check the indentation"},
        {YAML::ErrorMsg::MAP_KEY, "a key that cannot stand here", "check the indentation"},
        {YAML::ErrorMsg::BLOCK_ENTRY, "a `- ` that cannot stand here", "check the indentation"},
        {YAML::ErrorMsg::END_OF_MAP, "this belongs to nothing above",
         "check the indentation; keys of one map begin in one column"},
        {YAML::ErrorMsg::END_OF_SEQ, "this belongs to nothing above",
         "check the indentation; items of one list begin in one column"},
        {YAML::ErrorMsg::FLOW_END, "a `]` or `}` that closes nothing", "remove it, or put the text in quotes"},
        {YAML::ErrorMsg::UNKNOWN_TOKEN, "text cannot begin with this character", "put the text in quotes"},
        {YAML::ErrorMsg::EOF_IN_SCALAR, "a quote has no end", "close it"},
        {YAML::ErrorMsg::DOC_IN_SCALAR, "a quote has no end", "close it"},
        {YAML::ErrorMsg::UNKNOWN_ANCHOR, "no anchor (`&name`) of this name stands before", "write the value out"},
        {YAML::ErrorMsg::TAB_IN_INDENTATION, "a tab in the indentation", "write blanks"},
    };
    const std::size_t at = problem.mark.is_null() ? text.size() : static_cast<std::size_t>(problem.mark.pos);
    if (problem.msg == YAML::ErrorMsg::END_OF_MAP_FLOW || problem.msg == YAML::ErrorMsg::END_OF_SEQ_FLOW)
        return diagnostics.error(text.place(innermost), "what this bracket opens does not end",
                                 fmt::format("close it, or put the comma that is missing before line {}, column {}",
                                             text.place(at).line, text.place(at).column));
    for (const Words& w : words)
        if (w.theirs == problem.msg) return diagnostics.error(text.place(at), w.what, w.remedy);
    if (problem.msg.starts_with(YAML::ErrorMsg::INVALID_ESCAPE))
        return diagnostics.error(text.place(at), "an unknown `\\` in a text of double quotes",
                                 "write `\\\\` for a backslash, or use single quotes");
    diagnostics.error(text.place(at), fmt::format("no YAML: {}", problem.msg), "see the manual's page on the language");
}

}  // namespace

std::optional<Node> read_yaml(std::string_view written, const std::string& file, Diagnostics& diagnostics) {
    YamlText text(file);
    if (!text.load(written, diagnostics)) return std::nullopt;
    Collector collector(text, diagnostics);
    try {
        std::istringstream in(text.str());
        YAML::Parser parser(in);
        while (parser.HandleNextDocument(collector)) {
        }
        if (!collector.any()) return Node::plain({file, 1, 1}, "");
        return Builder(text, collector.nodes(), diagnostics).build(0, 1);
    } catch (const Stop&) {
    } catch (const YAML::Exception& problem) {
        tell(problem, text, collector.innermost(), diagnostics);
    } catch (const std::exception& problem) {
        diagnostics.error({file, 0, 0}, fmt::format("cannot be read as YAML: {}", problem.what()), "simplify it");
    }
    return std::nullopt;
}

std::optional<Node> read_yaml_file(const std::string& path, const std::string& shown, Diagnostics& diagnostics) {
    const auto file = read_file(path, yaml_most_bytes);
    if (!file) {
        const bool large = file.error().code == base::Errc::too_large;
        diagnostics.error({shown, 0, 0}, fmt::format("cannot be read: {}", file.error().message),
                          large ? "split it into several files" : "check the path and its permissions");
        return std::nullopt;
    }
    return read_yaml(file->content, shown, diagnostics);
}

}  // namespace config
