#!/usr/bin/env python3
import shutil
import unittest

from planted import Planted

import common
import format as format_check


@unittest.skipUnless(shutil.which("clang-format-19"), "needs clang-format-19")
class Format(Planted):
    def setUp(self):
        super().setUp()
        self.plant(".clang-format", (common.PROJECT / ".clang-format").read_text())

    def test_finds_a_file_in_another_format(self):
        good = self.plant("src/good.cc", "int main() { return 0; }\n")
        bad = self.plant("src/bad.cc", "int main(){return 0;}\n")
        self.assert_finds(format_check.check(self.project, [good, bad]), "src/bad.cc is not in the project's format")

    def test_finds_a_file_that_is_too_long(self):
        long = self.plant("src/long.h", "int x;\n" * 251)
        self.assert_finds(format_check.check(self.project, [long]), "251 lines, more than 250")


if __name__ == "__main__":
    unittest.main()
