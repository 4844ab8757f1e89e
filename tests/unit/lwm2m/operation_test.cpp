#include "lwm2m/operation.hpp"

#include <gtest/gtest.h>

using base::Errc;
using lwm2m::Code;
using lwm2m::code_of;

TEST(Code, is_written_class_point_detail) {
    EXPECT_EQ(str(Code::content), "2.05");
    EXPECT_EQ(str(Code::continue_), "2.31");
    EXPECT_EQ(str(Code::not_found), "4.04");
    EXPECT_EQ(str(Code::unsupported_content_format), "4.15");
    EXPECT_EQ(str(Code::gateway_timeout), "5.04");
    EXPECT_TRUE(is_success(Code::changed));
    EXPECT_FALSE(is_success(Code::bad_request));
}

TEST(Code, of_each_failure_is_the_one_of_the_gateway_digest) {  // section 11
    const std::pair<Errc, const char*> expected[] = {
        {Errc::bad_request, "4.00"},
        {Errc::not_found, "4.04"},
        {Errc::not_allowed, "4.05"},
        {Errc::unauthorized, "4.01"},
        {Errc::busy, "5.03"},
        {Errc::not_acceptable, "4.06"},
        {Errc::unsupported_format, "4.15"},
        {Errc::too_large, "4.13"},
        {Errc::offline, "5.03"},
        {Errc::timeout, "5.04"},
        {Errc::malformed, "5.02"},
        {Errc::not_supported, "5.01"},
        {Errc::internal, "5.00"},
    };
    for (const auto& [errc, code] : expected) EXPECT_EQ(str(code_of(errc)), code);
}

TEST(Operation, has_the_name_that_the_standard_gives_it) {
    EXPECT_EQ(name(lwm2m::Operation::read_composite), "Read-Composite");
    EXPECT_EQ(name(lwm2m::Operation::remove), "Delete");
}
