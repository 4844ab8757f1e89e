#pragma once

#include "mapping/compile.hpp"

#include <functional>
#include <memory>
#include <string_view>

namespace mapping {

/// What a profile is looked at with when no site is there: its own `tests`, lint, `simulate`.
struct Bench {
    const lwm2m::ObjectCatalog* catalog = nullptr;
    /// As Sources::make.
    std::function<std::unique_ptr<adapters::Adapter>(std::string_view adapter, base::Fields& link)> make;
};

/// A site of one device of the profile (`root` is its file) on a link that leads nowhere, with these parameters (null: the
/// defaults). A secret may stand there in clear; one without a value is made up. On a radio `address` is the device's own,
/// unless the profile has such a parameter. Reports every mistake, then returns nothing.
std::optional<Plan> compile_alone(const base::Node& root, const base::Node* parameters, const Bench&, base::Diagnostics&);

}  // namespace mapping
