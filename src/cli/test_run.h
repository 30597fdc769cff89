#pragma once
// Tests only: a program's command line, and what it prints.
#include <gtest/gtest.h>

#include <cstdio>
#include <string>
#include <vector>

#include "cli/cli.h"

namespace lineside::cli::testing {

struct Outcome {
  int code;
  std::string out, err;
};

inline Outcome run_words(const Program& program, std::vector<std::string> words) {
  std::vector<const char*> argv{program.name.c_str()};
  for (const std::string& word : words) argv.push_back(word.c_str());
  ::testing::internal::CaptureStdout();
  ::testing::internal::CaptureStderr();
  const int code = run(program, static_cast<int>(argv.size()), argv.data());
  std::fflush(stdout);
  return {code, ::testing::internal::GetCapturedStdout(), ::testing::internal::GetCapturedStderr()};
}

}  // namespace lineside::cli::testing
