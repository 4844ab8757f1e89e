#pragma once

#include "lwm2m/access.hpp"
#include "lwm2m/object_tree.hpp"

#include <vector>

/// Reading many paths of several trees at once, as the composites and Send do (OMA Core 1.2 6.3.8, 6.4.4, 6.4.6).
namespace lwm2m {

/// What one of the paths brought.
struct Gathered {
    enum class Why : std::uint8_t { there, absent, forbidden, failed };
    std::vector<Entry> entries{};
    Why why = Why::there;
};

/// Best effort: what is absent, unreadable, closed or forbidden to the server is left out. "/" is our own tree without the
/// closed objects, a bare prefix a whole device (gateway digest 7). `done` gets one answer for each path, in their order;
/// below an object there may be instances that the server may not read: keep_readable().
void gather(ObjectTree& tree, const AccessControl& access, ServerId server, std::vector<Target> paths,
            std::function<void(std::vector<Gathered>)> done);

/// All entries in the order of the paths, each target once.
std::vector<Entry> joined(std::vector<Gathered> parts);

}  // namespace lwm2m
