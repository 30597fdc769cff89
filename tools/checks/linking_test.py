#!/usr/bin/env python3
import pathlib
import shutil
import unittest

from planted import Planted

import linking

SHELL = pathlib.Path(shutil.which("bash")).resolve()


class Linking(Planted):
    def test_finds_a_forbidden_library(self):
        self.assert_finds(linking.check({"tool": SHELL}, {"tool": ("libc.so",)}), "tool links libc.so")

    def test_finds_nothing_when_nothing_forbidden_is_linked(self):
        self.assertEqual(linking.check({"tool": SHELL}, {"tool": ("libtorch",)}), [])

    def test_finds_a_program_that_is_missing(self):
        self.assert_finds(linking.check({"tool": self.project / "none"}, {"tool": ("libc",)}), "is not built")

    def test_knows_every_program_that_must_not_link_something(self):
        self.assertEqual(set(linking.FORBIDDEN), {"lineside", "lineside-gateway", "lineside-hub", "lineside-train"})


if __name__ == "__main__":
    unittest.main()
