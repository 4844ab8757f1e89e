#pragma once

#include "lwm2m/object_catalog.hpp"
#include "lwm2m/transport.hpp"

#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lwm2m {

/// Notification attributes of one node (OMA Core 1.2 7.3.2). Periods are in seconds, hqmax is a number of notifications.
struct Attributes {
    std::optional<std::uint32_t> pmin, pmax, epmin, epmax, hqmax;
    std::optional<double> gt, lt, st;
    std::optional<bool> edge, con;

    bool empty() const { return *this == Attributes{}; }
    friend bool operator==(const Attributes&, const Attributes&) = default;
};

/// One Write-Attributes, or the query of an Observe: what it sets and what it takes away (`pmin` without a value).
struct AttributeChange {
    Attributes set, unset;  // of `unset` only the presence counts
    /// `base` with this change made.
    Attributes applied_to(Attributes base) const;
};

/// Reads Uri-Query options: at most 16, each name once. `minor`: the version that the server is registered with, 1.minor;
/// edge, con and hqmax came with 1.2. pmax=0 means "none" and so takes it away (OMA Core 1.2 7.3.2). Errc::bad_request.
Result<AttributeChange> parse_attributes(std::span<const std::string> query, int minor);

/// The rules between attributes of one node, and between them and the node. `resource`: null above resource level.
/// Errc::bad_request. A pmax below pmin passes here: it is kept, and ignored when notifications are decided.
Result<void> check_attributes(const Attributes& attributes, const ResourceDef* resource);

/// `dim` first is the caller's; then in the order of the table of OMA Core 1.2 7.3.2, numbers in plain decimal.
std::vector<std::pair<std::string, std::string>> link_attributes(const Attributes& attributes);

/// What servers attached to which nodes. Key: server, prefix, path; one server never sees another's (gateway digest 7).
class AttributeStore {
public:
    /// Nodes with attributes, for each server; one more is refused with Errc::bad_request.
    static constexpr std::size_t most_per_server = 4096;

    const Attributes* attached(ServerId server, const Target& target) const;
    /// Attribute by attribute: attached here, else to the nearest node above.
    Attributes inherited(ServerId server, const Target& target) const;
    /// Checks the resulting set of the node; on an error nothing is stored.
    Result<void> apply(ServerId server, const Target& target, const AttributeChange& change, const ResourceDef* resource);
    /// Of all servers: a node and what is below it is gone.
    void erase_below(const Target& target);
    void erase_prefix(const std::string& prefix);
    std::size_t size(ServerId server) const;

    /// Lines `server path pmin=5&pmax=60`; import_state() reads them back and leaves out what it cannot read or what
    /// `known` (an account of this server) does not know.
    std::string export_state() const;
    void import_state(std::string_view text, const std::function<bool(ServerId)>& known);

private:
    using Nodes = std::map<Path, Attributes>;
    struct Account {
        std::map<std::string, Nodes> prefixes;
        std::size_t count = 0;
    };
    const Nodes* nodes(ServerId server, const std::string& prefix) const;

    std::map<ServerId, Account> accounts_;
};

}  // namespace lwm2m
