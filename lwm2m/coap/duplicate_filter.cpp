#include "lwm2m/coap/duplicate_filter.hpp"

namespace lwm2m::coap {

const DuplicateFilter::Answer& DuplicateFilter::bare_changed() {
    static const Answer answer{false, Response{Code::changed}, {}};
    return answer;
}

const DuplicateFilter::Answer* DuplicateFilter::find(std::uint16_t message, const Token& token, base::Instant now) const {
    const auto entry = entries_.find(message);
    if (entry == entries_.end() || entry->second.token != token || entry->second.until < now) return nullptr;
    return entry->second.answer ? entry->second.answer.get() : &bare_changed();
}

void DuplicateFilter::remember(std::uint16_t message, const Token& token, Answer answer, base::Instant now) {
    const Response& response = answer.response;
    const bool bare = !answer.separate && response.code == Code::changed && !response.content_format &&
                      response.payload.empty() && response.location.empty() && !response.max_age && answer.extra == Extra{};
    const base::Instant until = now + lifetime_;
    entries_.insert_or_assign(message, Entry{token, until, bare ? nullptr : std::make_unique<Answer>(std::move(answer))});
    ages_.push_back({until, message});
    while (ages_.size() > most_ || entries_.size() > most_) {
        const auto oldest = entries_.find(ages_.front().message);
        if (oldest != entries_.end() && oldest->second.until == ages_.front().until) entries_.erase(oldest);
        ages_.pop_front();
    }
}

void DuplicateFilter::forget_old(base::Instant now) {
    while (!ages_.empty() && ages_.front().until < now) {
        const auto oldest = entries_.find(ages_.front().message);
        if (oldest != entries_.end() && oldest->second.until < now) entries_.erase(oldest);
        ages_.pop_front();
    }
}

void DuplicateFilter::clear() {
    entries_.clear();
    ages_.clear();
}

}  // namespace lwm2m::coap
