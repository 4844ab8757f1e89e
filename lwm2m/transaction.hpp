#pragma once

#include "lwm2m/object_tree.hpp"

#include <vector>

namespace lwm2m {

/// Writes several values so that all of them are written or none (OMA Core 1.2 6.3.9): what was there is read first, and
/// when a device fails half-way, written back wherever it has changed. The error is then that of the device; where the old
/// value could not be had or be written back, Errc::internal and a line in the log (gateway digest 7).
/// One value, or values of our own tree alone, need none of that. `at` and `mode` as ObjectTree::write() takes them.
void write_whole(ObjectTree& tree, const Target& at, std::vector<Entry> entries, WriteMode mode, Done<void> done);

}  // namespace lwm2m
