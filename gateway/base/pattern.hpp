#pragma once

#include <string_view>

namespace base {

/// True when the whole text is what the pattern says: `*` stands for any text, `?` for one byte, capitals count. Never
/// worse than the product of both lengths, so that a pattern or text from outside costs nothing.
bool fits_pattern(std::string_view pattern, std::string_view text);

}  // namespace base
