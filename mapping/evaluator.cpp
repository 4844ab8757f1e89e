#include "mapping/evaluator.hpp"

#include <algorithm>
#include <cmath>

namespace mapping {

using adapters::Scalar;
using base::Errc;
using base::fail;
using base::Result;

namespace {

constexpr int most_power = 30;

/// As expressions see it; bytes are nothing to them.
Expression::Value value_of(const Taken& taken) {
    if (!taken.there) return {};
    if (const auto* truth = std::get_if<bool>(&taken.value)) return *truth;
    if (taken.number) return *taken.number;
    if (const auto* text = std::get_if<std::string>(&taken.value)) return *text;
    return {};
}

Taken taken_of(const Expression::Value& value) {
    Taken taken;
    if (const auto* number = std::get_if<Number>(&value)) {
        taken.number = *number;
        const auto whole = number->exact && number->exact->is_integer() ? number->exact->rounded() : std::nullopt;
        if (whole)
            taken.value = *whole;
        else
            taken.value = number->approximate;
    } else if (const auto* truth = std::get_if<bool>(&value)) {
        taken.value = *truth;
        taken.number = number_of(taken.value);
    } else if (const auto* text = std::get_if<std::string>(&value)) {
        taken.value = *text;
    } else {
        taken.there = false;
    }
    return taken;
}

Quality worse(Quality a, Quality b) {
    // never < not_available < rejected < old < good, as 6042 counts them.
    return std::min(a, b);
}

bool works_out(const PointSpec& point) { return point.formula && (point.formula->calc || point.formula->exponent); }

}  // namespace

std::shared_ptr<const Wiring> Wiring::of(const std::vector<PointSpec>& points, std::vector<std::uint16_t> order) {
    auto wiring = std::make_shared<Wiring>();
    wiring->places.resize(points.size());
    wiring->followers.resize(points.size());
    wiring->order = std::move(order);
    for (std::size_t rank = 0; rank < wiring->order.size(); ++rank)
        wiring->places[wiring->order[rank]].rank = static_cast<std::uint16_t>(rank);
    const auto need = [&](std::uint16_t number) {
        auto& place = wiring->places[number];
        if (place.input == none) place.input = wiring->inputs++;
    };
    bool any = false;
    for (std::size_t i = 0; i < points.size(); ++i) {
        const PointSpec& point = points[i];
        Place& place = wiring->places[i];
        if (point.deadband > 0) place.told = wiring->tolds++;
        any = any || point.deadband > 0 || point.formula;
        if (!point.formula) continue;
        if (point.formula->monotonic) place.counter = wiring->counters++;
        if (works_out(point) && point.index != no_index) place.own = wiring->owns++;
        const auto follow = [&](std::uint16_t number) {
            need(number);
            auto& its = wiring->followers[number];
            if (std::find(its.begin(), its.end(), place.rank) == its.end()) its.push_back(place.rank);
        };
        if (point.formula->exponent) follow(*point.formula->exponent);
        if (point.formula->calc)
            for (const auto slot : point.formula->calc->slots())
                if (slot != own_value) follow(slot);
        if (point.formula->write_calc)
            for (const auto slot : point.formula->write_calc->slots())
                if (slot != own_value) need(slot);
    }
    return any ? wiring : nullptr;
}

Evaluator::Evaluator(std::shared_ptr<const DeviceType> type) : type_(std::move(type)) {
    if (!type_->wiring) return;
    own_.resize(type_->wiring->owns);
    inputs_.resize(type_->wiring->inputs);
    counters_.resize(type_->wiring->counters);
    told_.resize(type_->wiring->tolds);
}

Result<void> Evaluator::feed(std::uint16_t number, const Scalar& raw, Outcomes& out) {
    const PointSpec& point = type_->points[number];
    if (!type_->wiring) {
        auto reading = point.conversion.read(raw);
        if (!reading) return tl::unexpected(reading.error());
        out.push_back({number, std::move(*reading)});
        return {};
    }
    const auto taken = point.conversion.take(raw);
    if (!taken) return tl::unexpected(taken.error());
    const auto& place = type_->wiring->places[number];
    if (place.own == Wiring::none) return finish(number, *taken, Quality::good, out);
    own_[place.own] = {value_of(*taken), taken->there ? Quality::good : Quality::not_available};
    wake(place.rank);
    return {};
}

void Evaluator::settle(Outcomes& out) {
    while (!waiting_.empty()) {
        const std::uint16_t number = type_->wiring->order[waiting_.front()];
        waiting_.erase(waiting_.begin());
        const Kept worked = work_out(number);
        if (worked.quality == Quality::never) continue;  // an input is still to come
        // What cannot be the resource's is as good as nothing: the expression was right, its inputs were strange.
        if (!finish(number, taken_of(worked.value), worked.quality, out))
            static_cast<void>(finish(number, taken_of({}), worked.quality, out));
    }
}

Expression::Value Evaluator::input(std::uint16_t point, Quality& worst) const {
    const Kept& kept = inputs_[type_->wiring->places[point].input];
    worst = worse(worst, kept.quality);
    return kept.value;
}

std::optional<int> Evaluator::power(std::uint16_t point, Quality& worst) const {
    const auto value = input(point, worst);
    const auto* number = std::get_if<Number>(&value);
    const auto whole = number != nullptr ? integer_of(*number) : std::nullopt;
    if (!whole || *whole < -most_power || *whole > most_power || !(Number(Decimal{*whole, 0}) == *number)) return std::nullopt;
    return static_cast<int>(*whole);
}

Evaluator::Kept Evaluator::work_out(std::uint16_t number) const {
    const PointSpec& point = type_->points[number];
    const auto& place = type_->wiring->places[number];
    Quality worst = Quality::good;
    Expression::Value value;
    if (place.own != Wiring::none) {
        value = own_[place.own].value;
        worst = own_[place.own].quality;
        if (worst < Quality::rejected) return {{}, worst};
    }
    if (point.formula->exponent) {
        const auto its = power(*point.formula->exponent, worst);
        const auto* mantissa = std::get_if<Number>(&value);
        if (!its || mantissa == nullptr) return {{}, std::min(worst, Quality::not_available)};
        value = shifted(*mantissa, *its);
    }
    if (point.formula->calc)
        value =
            point.formula->calc->evaluate([&](std::uint16_t slot) { return slot == own_value ? value : input(slot, worst); });
    if (value.index() == 0) worst = std::min(worst, Quality::not_available);
    return {std::move(value), worst};
}

bool Evaluator::goes_on(Count& count, const Monotonic& rule, const Number& now) const {
    if (!count.known || now >= count.last) {
        count = {true, false, now, {}};
        return true;
    }
    if (rule.wraps && count.last.approximate <= *rule.wraps) {
        const double back = count.last.approximate - now.approximate;
        const double over = *rule.wraps - count.last.approximate + now.approximate;
        if (over < back) {
            count = {true, false, now, {}};
            return true;
        }
    }
    if (count.doubted && now >= count.doubt) {  // it fell, and goes on from there: another meter, or set back
        count = {true, false, now, {}};
        return true;
    }
    count.doubted = true;
    count.doubt = now;
    return false;
}

Result<void> Evaluator::finish(std::uint16_t number, const Taken& taken, Quality worst, Outcomes& out) {
    const PointSpec& point = type_->points[number];
    const auto& place = type_->wiring->places[number];
    auto reading = point.conversion.give(taken);
    if (!reading) return tl::unexpected(reading.error());
    reading->quality = worse(reading->quality, worst);
    if (reading->quality == Quality::good && place.counter != Wiring::none && taken.number &&
        !goes_on(counters_[place.counter], *point.formula->monotonic, *taken.number))
        reading->quality = Quality::rejected;
    if (place.input != Wiring::none) inputs_[place.input] = {value_of(taken), reading->quality};
    for (const auto rank : type_->wiring->followers[number]) wake(rank);
    if (place.told != Wiring::none && reading->quality == Quality::good) {
        auto& told = told_[place.told];
        const auto before = lwm2m::numeric(told), now = lwm2m::numeric(reading->value);
        if (before && now && std::abs(*now - *before) < point.deadband)
            reading->value = told;
        else
            told = reading->value;
    }
    out.push_back({number, std::move(*reading)});
    return {};
}

void Evaluator::wake(std::uint16_t rank) {
    const auto at = std::lower_bound(waiting_.begin(), waiting_.end(), rank);
    if (at == waiting_.end() || *at != rank) waiting_.insert(at, rank);
}

Result<Scalar> Evaluator::write(std::uint16_t number, const lwm2m::Value& value) const {
    const PointSpec& point = type_->points[number];
    const bool plain = !point.formula || (!point.formula->write_calc && !point.formula->exponent);
    if (plain) return point.conversion.write(value);
    auto asked = point.conversion.ask(value);
    if (!asked) return tl::unexpected(asked.error());
    auto now = value_of(*asked);
    Quality worst = Quality::good;
    if (point.formula->write_calc) {
        now = point.formula->write_calc->evaluate(
            [&](std::uint16_t slot) { return slot == own_value ? now : input(slot, worst); });
        if (now.index() == 0)
            return worst < Quality::rejected ? fail(Errc::busy, "a value that write.calc needs is not known yet")
                                             : fail(Errc::bad_request, "write.calc has no result for this value");
    }
    if (point.formula->exponent) {
        const auto its = power(*point.formula->exponent, worst);
        if (!its)
            return fail(Errc::busy, fmt::format("the exponent, point '{}', is not known yet",
                                                type_->points[*point.formula->exponent].name));
        const auto* number_now = std::get_if<Number>(&now);
        if (number_now == nullptr) return fail(Errc::bad_request, "the value is not a number");
        now = shifted(*number_now, -*its);
    }
    return point.conversion.put(taken_of(now));
}

}  // namespace mapping
