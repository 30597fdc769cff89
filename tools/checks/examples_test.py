#!/usr/bin/env python3
import unittest

from planted import Planted

import examples


class Examples(Planted):
    def test_finds_an_example_that_does_not_load(self):
        good, bad = self.plant("examples/good.yaml", "ok"), self.plant("examples/bad.yaml", "no")
        toolbox = self.plant("lineside", '#!/bin/sh\ngrep -q ok "$3" || { echo "$3:1: mistake" >&2; exit 78; }\n', 0o755)
        self.assert_finds(examples.check([good, bad], toolbox), "bad.yaml:1: mistake")

    def test_finds_that_there_is_none(self):
        self.assert_finds(examples.check([], "lineside"), "there is no example")


if __name__ == "__main__":
    unittest.main()
