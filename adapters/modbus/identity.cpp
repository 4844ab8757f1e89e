#include "adapters/modbus/identity.hpp"

#include <algorithm>

namespace adapters::modbus {

using base::Errc;

namespace {
constexpr unsigned most_pages = 64;
}

std::string trimmed(ByteView bytes) {
    std::string_view text = base::as_text(bytes);
    text = text.substr(0, text.find('\0'));
    const auto first = text.find_first_not_of(' ');
    if (first == std::string_view::npos) return {};
    return std::string(text.substr(first, text.find_last_not_of(' ') - first + 1));
}

Request IdentityReader::request() const {
    return {
        .unit = unit_, .function = Function::identify, .address = from_, .count = static_cast<std::uint16_t>(levels_[level_])};
}

Result<bool> IdentityReader::take(const Result<Bytes>& answer) {
    if (!answer) {
        const Errc code = answer.error().code;
        const bool other_level = code == Errc::bad_request || code == Errc::not_found;
        if (!other_level || pages_ > 0 || level_ + 1 >= levels_.size()) return tl::unexpected(answer.error());
        ++level_;
        return false;
    }
    const auto page = identity_page(*answer);
    if (!page) return tl::unexpected(page.error());
    for (const auto& [number, text] : page->objects) {
        auto shown = trimmed(text);
        if (base::is_utf8(shown)) objects_.emplace(number, std::move(shown));
    }
    // Forward only: a device that asks to begin again would never end.
    if (!page->more || page->next <= from_ || ++pages_ >= most_pages) return true;
    from_ = page->next;
    return false;
}

}  // namespace adapters::modbus
