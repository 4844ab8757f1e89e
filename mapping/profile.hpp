#pragma once

#include "gateway/base/node.hpp"
#include "gateway/base/result.hpp"
#include "mapping/substitute.hpp"

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mapping {

/// A parameter as the profile declares it.
struct Parameter {
    enum class Kind : std::uint8_t { boolean, integer, number, text, choice, secret };
    std::string name, title;
    Kind kind = Kind::text;
    std::optional<double> least, most;
    const base::Node* choices = nullptr;        ///< a list
    const base::Node* default_value = nullptr;  ///< null: each device must set it
    base::SourceLoc at;
};

/// "a whole number from 1 to 10", to say what a parameter takes.
std::string kind_text(const Parameter&);
/// Is it of the parameter's type and within its bounds? A secret's value is not looked at here.
bool fits(const Parameter&, const base::Node& value);

/// The head of a profile file: what is true for all devices of it. Points into the file's node.
struct Profile {
    std::string name;  ///< "acme/em24"
    std::int64_t revision = 1;
    std::string title, protocol;
    std::vector<Parameter> parameters;
    const base::Node* root = nullptr;
    std::string id() const { return name + "@" + std::to_string(revision); }
};

/// All profiles there are.
class Library {
public:
    /// Checks the head, parameters, `${…}` and the shape of `tests` of each file, used or not. Of two files with the
    /// same profile and revision the first counts.
    Library(const std::vector<base::Node>& files, base::Diagnostics&);

    /// `reference` is "acme/em24@3"; reports an unknown profile or revision at `at`, with the nearest that there is.
    const Profile* find(std::string_view reference, const base::SourceLoc& at, base::Diagnostics&) const;

private:
    std::vector<Profile> profiles_;
    std::vector<std::string> broken_;  // names of files that have errors: a device of it is no further mistake
};

using SecretLookup = std::function<base::Result<std::string>(std::string_view name)>;

/// The values of a device's parameters: `set` over the defaults, each checked. Nothing when one is wrong.
std::optional<Parameters> set_parameters(const Profile&, base::Fields& device, const SecretLookup&);

}  // namespace mapping
