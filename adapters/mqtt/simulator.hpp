#pragma once

#include "adapters/mqtt/paho_session.hpp"
#include "adapters/mqtt/shape.hpp"

#include <boost/asio/steady_timer.hpp>

#include <map>

namespace adapters::mqtt {

/// A device made from a profile's points, on a real broker: says its state when it changes and when it is asked, does what it
/// is told, and says that it is there (and, by its end, that it is gone). Wildcards in a profile's topics become "simulated".
/// Payloads are the JSON that the points' `pick` looks into, or plain; frames of bytes are put together by `at`.
class MqttSimulator final : public Simulator, private Session::Events {
public:
    /// `where`: "mqtt://127.0.0.1:1883", or "127.0.0.1:1883".
    MqttSimulator(boost::asio::any_io_executor, const Shape&, std::string where, std::function<void(std::string)> log);
    ~MqttSimulator() override;

    Result<std::string> start() override;
    Result<void> set(PointIndex, Scalar) override;
    Result<Scalar> get(PointIndex) const override;
    void stop() override;

private:
    void connected(bool) override;
    void ended(std::string why) override;
    void subscribed(Session::Id, std::vector<int> codes) override;
    void published(Session::Id, Result<void>) override {}
    void received(Message) override;

    std::string state_of(const std::string& topic) const;
    void tell(const std::string& topic);
    void tell_all();
    void publish(const std::string& topic, std::string payload, bool retained);
    void connect();

    boost::asio::any_io_executor executor_;
    boost::asio::steady_timer again_;
    const Shape& shape_;
    std::string where_;
    std::function<void(std::string)> log_;
    LinkSettings settings_;
    std::map<PointIndex, Scalar> values_;
    std::shared_ptr<Worker> worker_;
    std::unique_ptr<Session> session_;
    bool up_ = false;
    Session::Id last_id_ = 0;
};

}  // namespace adapters::mqtt
