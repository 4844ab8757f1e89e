#pragma once

#include "gateway/base/result.hpp"
#include "gateway/control/json.hpp"

#include <functional>
#include <memory>
#include <string>

namespace gateway::control {

/// One request that is being worked on. Core loop only.
class Call {
public:
    virtual ~Call() = default;

    const std::string& what() const { return what_; }
    const Json& with() const { return with_; }

    /// Something to tell on the way. A reader that is too slow loses the oldest.
    virtual void event(Json) = 0;
    /// Exactly once; a second one is ignored.
    virtual void done(base::Result<Json>) = 0;
    /// The caller has left: whatever was begun for him should end. Called at most once, never after done(). The one
    /// who sets it keeps the call alive; it is let go of when it was called and when done() was.
    std::function<void()> on_gone;

protected:
    Call(std::string what, Json with) : what_(std::move(what)), with_(std::move(with)) {}

private:
    std::string what_;
    Json with_;
};

using Handler = std::function<void(std::shared_ptr<Call>)>;

}  // namespace gateway::control
