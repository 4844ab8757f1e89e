#include "config/yaml_text.hpp"

#include "config/yaml_reader.hpp"
#include "gateway/base/bytes.hpp"

#include <fmt/format.h>
#include <algorithm>

namespace config {

namespace {

// Unclosed brackets in the whole text before the parser is asked at all: it keeps all that stands between a bracket and
// its end in memory, and it recurses. (The exact limit, yaml_most_depth, is kept where the parser reports each level.)
constexpr std::size_t most_open_brackets = 10'000;

// YAML 1.2, 5.1 c-printable, for a text known to be UTF-8.
bool printable(std::string_view text, std::size_t i) {
    const auto byte = [&](std::size_t k) { return static_cast<unsigned char>(text[k]); };
    if (byte(i) < 0x20) return text[i] == '\t' || text[i] == '\n';
    if (byte(i) == 0x7F) return false;
    if (byte(i) == 0xC2) return byte(i + 1) >= 0xA0 || byte(i + 1) == 0x85;  // C1 controls
    if (byte(i) == 0xEF) return !(byte(i + 1) == 0xBF && byte(i + 2) >= 0xBE) && text.substr(i, 3) != "\xEF\xBB\xBF";
    return true;
}

}  // namespace

bool YamlText::load(std::string_view written, base::Diagnostics& diagnostics) {
    if (written.size() > yaml_most_bytes) {
        diagnostics.error({file_, 0, 0}, fmt::format("is {} bytes long, over {}", written.size(), yaml_most_bytes),
                          "split it into several files");
        return false;
    }
    if (written.starts_with("\xEF\xBB\xBF")) written.remove_prefix(3);
    text_.reserve(written.size());
    for (std::size_t i = 0; i < written.size(); ++i) {
        if (written[i] != '\r') {
            text_.push_back(written[i]);
        } else {
            text_.push_back('\n');
            if (i + 1 < written.size() && written[i + 1] == '\n') ++i;
        }
    }
    lines_.push_back(0);
    for (std::size_t i = 0; i < text_.size(); ++i) {
        if (text_[i] == '\n') lines_.push_back(i + 1);
        if ((static_cast<unsigned char>(text_[i]) & 0xC0U) == 0x80) continuations_.push_back(i);
    }

    std::size_t brackets = 0;
    bool fit = true, head = true;
    for (std::size_t line = 0; line < lines_.size(); ++line) {
        const std::size_t begin = lines_[line];
        const std::size_t end = line + 1 < lines_.size() ? lines_[line + 1] - 1 : text_.size();
        const std::string_view content = std::string_view(text_).substr(begin, end - begin);
        if (!base::is_utf8(content)) {
            diagnostics.error({file_, static_cast<int>(line + 1), 1}, "this line is no UTF-8", "save the file as UTF-8");
            fit = false;
            continue;
        }
        for (std::size_t i = 0; i < content.size(); ++i) {
            if (!printable(content, i)) {
                diagnostics.error(place(begin + i), "a character that cannot be printed",
                                  "remove it; in double quotes it can be written as \\x00");
                fit = false;
                break;
            }
            if (content[i] == '[' || content[i] == '{') ++brackets;
            if ((content[i] == ']' || content[i] == '}') && brackets > 0) --brackets;
        }
        const std::size_t indent = std::min(content.find_first_not_of(" \t"), content.size());
        if (indent == content.size() || content[indent] == '#') continue;
        if (const auto tab = content.substr(0, indent).find('\t'); tab != std::string_view::npos) {
            diagnostics.error(place(begin + tab), "a tab in the indentation", "write blanks");
            fit = false;
        }
        if (head && content[0] == '%') {
            diagnostics.error(place(begin), "a directive", "leave the line out; these files are YAML 1.2");
            fit = false;
        }
        head = false;
        if (brackets > most_open_brackets) {
            diagnostics.error(place(begin), fmt::format("over {} brackets are open", most_open_brackets), "close them");
            return false;
        }
    }
    return fit;
}

base::SourceLoc YamlText::place(std::size_t at) const {
    at = std::min(at, text_.size());
    const auto next = std::upper_bound(lines_.begin(), lines_.end(), at);
    const std::size_t begin = *(next - 1);
    const auto before = [&](std::size_t offset) {
        return std::lower_bound(continuations_.begin(), continuations_.end(), offset) - continuations_.begin();
    };
    const auto column = static_cast<std::ptrdiff_t>(at - begin) - (before(at) - before(begin)) + 1;
    return {file_, static_cast<int>(next - lines_.begin()), static_cast<int>(column)};
}

bool YamlText::starts_with(std::size_t at, std::string_view what) const {
    return at <= text_.size() && std::string_view(text_).substr(at).starts_with(what);
}

std::string YamlText::null_word(std::size_t at) const {
    for (const std::string_view word : {"~", "null", "Null", "NULL"}) {
        if (!starts_with(at, word)) continue;
        // `null` is a value here; in `a:\nnull: 1` and `a:\nnullable: 1` it begins the next key
        const std::size_t end = at + word.size();
        const std::size_t next = std::min(text_.find_first_not_of(" \t", end), text_.size());
        if (next < text_.size() &&
            (text_[next] == ':' || (next == end && std::string_view("\n,]}#").find(text_[next]) == std::string_view::npos)))
            continue;
        return std::string(word);
    }
    return "";
}

std::size_t YamlText::before(std::size_t at) const {
    if (at == 0 || at > text_.size()) return at;
    const auto last = text_.find_last_not_of(" \t\n", at - 1);
    return last != std::string::npos && text_[last] == '-' ? last : at;
}

bool YamlText::quote_ends(std::size_t at) const {
    if (at >= text_.size() || (text_[at] != '"' && text_[at] != '\'')) return true;
    const char quote = text_[at];
    for (std::size_t i = at + 1; i < text_.size(); ++i) {
        if (quote == '"' && text_[i] == '\\') {
            ++i;
        } else if (text_[i] == quote) {
            if (quote == '"' || i + 1 >= text_.size() || text_[i + 1] != quote) return true;
            ++i;  // '' is one '
        }
    }
    return false;
}

YamlText::Properties YamlText::properties(std::size_t at) const {
    Properties out{at, std::nullopt};
    while (out.end < text_.size() && (text_[out.end] == '&' || text_[out.end] == '!')) {
        if (text_[out.end] == '!') out.tag = out.end;
        out.end = std::min(text_.find_first_of(" \t\n,[]{}", out.end), text_.size());
        // Blanks, line ends and comments may stand before the content.
        while (out.end < text_.size()) {
            const auto next = text_.find_first_not_of(" \t\n", out.end);
            if (next == std::string::npos) {
                out.end = text_.size();
            } else if (text_[next] == '#') {
                out.end = std::min(text_.find('\n', next), text_.size());
            } else {
                out.end = next;
                break;
            }
        }
    }
    return out;
}

}  // namespace config
