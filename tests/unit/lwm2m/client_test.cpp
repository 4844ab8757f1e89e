#include "tests/unit/lwm2m/stage.hpp"

using namespace std::chrono_literals;

namespace {

// gateway digest, section 13
TEST_F(Registered, answers_the_worked_example) {
    EXPECT_EQ(server.asks("GET /d01/3303/0/5700", {.accept = text}), "2.05 22.1");
    EXPECT_EQ(server.asks("GET /d01/3303", {.accept = link}),
              "2.05 </3303>;ver=1.1,</3303/0>,</3303/0/5601>,</3303/0/5605>,</3303/0/5700>,</3303/0/5701>");
    EXPECT_EQ(server.writes("PUT /d02/3306/0/5850", "1"), "2.04");
    EXPECT_EQ(server.asks("PUT /d01/3303/0/5700?pmin=5&pmax=60"), "2.04");
    EXPECT_EQ(server.observes("/d01/3303/0/5700", 7), "2.05 22.1");
    EXPECT_TRUE(server.response().observing);
    EXPECT_EQ(server.asks("GET /d09/3/0"), "4.04");
    EXPECT_EQ(server.asks("POST /25"), "4.05");
    EXPECT_EQ(server.writes("PUT /25/0/1", "x"), "4.05");
}

}  // namespace
