#include "adapters/modbus/read_job.hpp"

#include <algorithm>

namespace adapters::modbus {

using base::Errc;
using base::Error;
using base::fail;

namespace {
const Error tells_nothing{Errc::not_found, "the device does not tell this of itself (function 43/14)"};
}

ReadJob::ReadJob(Context context, std::uint8_t its_unit, Instant until, const ReadLimits& limits,
                 std::vector<PointIndex> points, std::function<void(Values)> done)
    : Job(its_unit, until),
      context_(std::move(context)),
      points_(std::move(points)),
      extents_(points_.size()),
      values_(points_.size(), fail(Errc::timeout, "not read in time")),
      done_(std::move(done)) {
    std::vector<Extent> extents;
    std::vector<std::uint32_t> place;  // of each of them among the points
    bool regular = false;
    for (std::uint32_t i = 0; i < points_.size(); ++i) {
        if (points_[i] >= context_.shape.points.size()) {
            values_[i] = fail(Errc::internal, "no such point");
            continue;
        }
        const PointShape& point = context_.shape.points[points_[i]];
        if (!point.access.read) {
            values_[i] = fail(Errc::not_allowed, "this point is only written");
        } else if (point.object && context_.self_told.refuses) {
            values_[i] = tl::unexpected(tells_nothing);
        } else if (point.object) {
            texts_.push_back(i);
            regular = regular || *point.object > 2;
        } else {
            extents_[i] = point.extent;
            extents.push_back(point.extent);
            place.push_back(i);
        }
    }
    for (Block& block : plan_reads(extents, limits, context_.shape.holes->known)) {
        for (auto& point : block.points) point = place[point];
        parts_.push_back({std::move(block)});
    }
    if (texts_.empty()) return;
    std::vector<IdentityLevel> levels{IdentityLevel::basic};
    if (regular) levels.insert(levels.begin(), IdentityLevel::regular);
    identity_.emplace(unit, std::move(levels));
}

Request ReadJob::request() {
    if (parts_.empty()) return identity_->request();
    const Block& block = parts_.front().block;
    return {.unit = unit, .function = read_function(block.table), .address = block.address, .count = block.count};
}

bool ReadJob::take(Result<Bytes> result) {
    if (parts_.empty())
        take_identity(result);
    else
        take_block(result);
    return nothing_left();
}

void ReadJob::take_block(Result<Bytes>& result) {
    const Part part = std::move(parts_.front());
    parts_.pop_front();
    const Shape& shape = context_.shape;
    if (result) {
        for (const auto index : part.block.points) {
            values_[index] = value_of(shape.points[points_[index]], part.block, *result).map_error([&](Error error) {
                return base::in(fmt::format("unit {}: {}", unit,
                                            range_text(part.block.table, extents_[index].address, extents_[index].count)),
                                std::move(error));
            });
        }
        learn(part, true);
        return;
    }
    const Error error =
        base::in(fmt::format("unit {}: {}", unit, range_text(part.block.table, part.block.address, part.block.count)),
                 std::move(result.error()));
    for (const auto index : part.block.points) values_[index] = tl::unexpected(error);
    if (error.code == Errc::not_found || error.code == Errc::bad_request) {
        learn(part, false);
        divide(part);
    } else if (error.code == Errc::timeout || error.code == Errc::offline) {
        context_.self_told = {};  // what comes back may be another device
        give_up(error);
    }
}

/// One forbidden register fails its whole block: the halves are asked for by themselves, down to the register.
void ReadJob::divide(const Part& part) {
    auto halves = split(part.block, extents_);
    if (halves.empty()) {
        if (context_.shape.holes->known.forbid(part.block.table, part.block.address, part.block.end())) context_.learned();
        return;
    }
    halved_.push_back({halves[0], halves[1]});
    const std::size_t index = halved_.size() - 1;
    parts_.push_front({std::move(halves[1]), index});
    parts_.push_front({std::move(halves[0]), index});
}

/// When both halves of a refused block are answered, the fault was between them: a hole in the gap, or its length.
void ReadJob::learn(const Part& part, bool whole) {
    if (!part.half_of) return;
    Halved& halved = halved_[*part.half_of];
    halved.sound = halved.sound && whole;
    if (--halved.open > 0 || !halved.sound) return;
    Holes& holes = context_.shape.holes->known;
    const bool news = halved.second.address > halved.first.end()
                          ? holes.forbid(halved.first.table, halved.first.end(), halved.second.address)
                          : holes.limit(halved.first.table, std::max(halved.first.count, halved.second.count));
    if (news) context_.learned();
}

void ReadJob::take_identity(Result<Bytes>& result) {
    const auto complete = identity_->take(result);
    if (complete && !*complete) return;
    SelfTold& told = context_.self_told;
    if (complete) {
        told = {};
        for (const auto place : texts_) {
            const auto& objects = identity_->objects();
            const auto text = objects.find(*context_.shape.points[points_[place]].object);
            values_[place] = text != objects.end() ? Result<Scalar>(text->second) : tl::unexpected(tells_nothing);
        }
        identity_.reset();
        return;
    }
    const Error& error = complete.error();
    // Old devices do not even refuse what they do not know: it is the function, when all else is answered.
    const bool unknown = error.code == Errc::timeout && context_.queue.misses(unit) == 1 && ++told.unanswered >= 2;
    told.refuses =
        unknown || error.code == Errc::not_allowed || error.code == Errc::not_found || error.code == Errc::bad_request;
    settle_identity(told.refuses ? tells_nothing : base::in(fmt::format("unit {}: device identification", unit), error));
}

void ReadJob::settle_identity(const Error& error) {
    for (const auto place : texts_) values_[place] = tl::unexpected(error);
    identity_.reset();
}

void ReadJob::give_up(const Error& error) {
    for (const Part& part : parts_)
        for (const auto index : part.block.points) values_[index] = tl::unexpected(error);
    parts_.clear();
    if (identity_) settle_identity(error);
}

}  // namespace adapters::modbus
