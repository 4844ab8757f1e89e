#pragma once

#include "adapters/modbus/frame.hpp"

#include <map>
#include <vector>

namespace adapters::modbus {

/// What a device tells of itself with function 43/14, page after page. A device that does not know the first level is
/// asked for the next of `levels`. At most 64 pages.
class IdentityReader {
public:
    IdentityReader(std::uint8_t unit, std::vector<IdentityLevel> levels) : unit_(unit), levels_(std::move(levels)) {}

    Request request() const;
    /// True: it has told all, see objects(). False: request() asks for more. Or the device's refusal.
    Result<bool> take(const Result<Bytes>&);
    /// Texts by number; what is no UTF-8 is left out.
    const std::map<std::uint8_t, std::string>& objects() const { return objects_; }

private:
    std::uint8_t unit_;
    std::vector<IdentityLevel> levels_;
    std::size_t level_ = 0;
    unsigned pages_ = 0;
    std::uint8_t from_ = 0;
    std::map<std::uint8_t, std::string> objects_;
};

/// A text as devices send it: up to its first NUL, without blanks at its ends.
std::string trimmed(ByteView);

}  // namespace adapters::modbus
