#pragma once
// Tests only: a write that is waited for.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "base/test_watched.h"
#include "gateway/api/tag_source.h"

namespace lineside::gateway::testing {

class Asked {
 public:
  Asked(TagSource& source, std::size_t tag, double value, nanoseconds ttl = std::chrono::seconds{30},
        Result<void> wanted = {}) {
    source.writer()->write({.tag = tag,
                            .value = value,
                            .until = system_clock().mono() + ttl,
                            .still_wanted = [wanted] { return wanted; },
                            .done =
                                [state = state_](const TagWritten& written) {
                                  state->change([&] {
                                    ++state->answers;
                                    state->written = written;
                                  });
                                }});
  }
  TagWritten::Outcome outcome() { return get().outcome; }
  std::optional<double> before() { return get().before; }
  std::optional<double> after() { return get().after; }
  std::string why() { return get().why; }

 private:
  struct State : lineside::testing::Watched {
    using Watched::change;
    int answers = 0;
    TagWritten written;
  };
  TagWritten get() {
    EXPECT_TRUE(state_->wait([this] { return state_->answers > 0; }));
    TagWritten written;
    state_->look([&] {
      EXPECT_EQ(state_->answers, 1);
      written = state_->written;
    });
    return written;
  }
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

}  // namespace lineside::gateway::testing
