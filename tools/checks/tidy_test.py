#!/usr/bin/env python3
import shutil
import unittest

from planted import Planted

import common
import tidy


@unittest.skipUnless(shutil.which("clang-tidy-19"), "needs clang-tidy-19")
class Tidy(Planted):
    def setUp(self):
        super().setUp()
        self.plant(".clang-tidy", (common.PROJECT / ".clang-tidy").read_text())

    def check(self, content):
        path = self.plant("src/a.cc", content)
        remembered = common.Remembered("none")
        remembered.path = self.project / "remembered.json"
        commands = {path: (["-std=c++23"], str(self.project))}
        return tidy.check([path], commands, self.project, self.project / "checks", remembered)

    def test_finds_a_use_after_move(self):
        self.assert_finds(self.check("""#include <string>
#include <utility>
std::string twice(std::string a) {
  const std::string b = std::move(a);
  return a + b;
}
"""), "bugprone-use-after-move")

    def test_passes_good_code(self):
        self.assertEqual(self.check("int twice(int a) { return 2 * a; }\n"), [])


if __name__ == "__main__":
    unittest.main()
