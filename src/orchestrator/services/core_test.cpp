#include "orchestrator/services/core.hpp"

#include <gmock/gmock.h>

namespace geminga::orchestrator {
namespace {

constexpr const char* kTrace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

TEST(Traceparent, OfTheCallerIsKept) {
  EXPECT_EQ(traceparent_from(kTrace), kTrace);
  EXPECT_EQ(traceparent_from("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"),
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00");
}

TEST(Traceparent, OfALaterVersionIsWhatThisOneKnowsOfIt) {
  EXPECT_EQ(traceparent_from("01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"), kTrace);
  EXPECT_EQ(traceparent_from("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0b-what.it.adds"), kTrace);
  EXPECT_EQ(traceparent_from("01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-fe"),
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00");
}

TEST(Traceparent, WhatIsNoneBeginsANewOne) {
  const char* const kNone[] = {
      "",
      "00",
      "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
      "0g-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
      "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
      "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
      "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
      "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0",
      "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
      "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01more",
      "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
  };
  for (const auto* text : kNone) {
    const auto fresh = traceparent_from(text);
    EXPECT_NE(fresh, text);
    EXPECT_EQ(fresh, traceparent_from(fresh)) << "a new one is one: " << fresh;
    EXPECT_NE(fresh, traceparent_from(text)) << "each is another";
  }
}

}  // namespace
}  // namespace geminga::orchestrator
