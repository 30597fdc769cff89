#!/usr/bin/env python3
import unittest

from planted import Planted

import common
import headers


class Headers(Planted):
    def check(self, *paths):
        common.project_headers.cache_clear()
        source = self.project / "src/base/a.cc"
        commands = {source: (["-std=c++23", f"-I{self.project}/src"], str(self.project))}
        remembered = common.Remembered("none")
        remembered.path = self.project / "remembered.json"
        remembered.known = remembered.known if not remembered.path.exists() else set(
            common.json.loads(remembered.path.read_text()))
        return headers.check(list(paths), self.project / "src", commands, remembered)

    def test_finds_a_header_that_needs_another_include_before_it(self):
        header = self.plant("src/base/a.h", "#pragma once\ninline std::string name() { return {}; }\n")
        self.assert_finds(self.check(header), "src/base/a.h does not compile alone", "string")

    def test_passes_a_header_that_includes_what_it_needs(self):
        header = self.plant("src/base/a.h", "#pragma once\n#include <string>\ninline std::string name() { return {}; }\n")
        self.assertEqual(self.check(header), [])

    def test_looks_again_when_an_included_header_has_changed(self):
        self.plant("src/base/b.h", "#pragma once\nstruct B {};\n")
        header = self.plant("src/base/a.h", '#pragma once\n#include "base/b.h"\ninline B make() { return {}; }\n')
        self.assertEqual(self.check(header), [])
        self.assertEqual(self.check(header), [])
        self.plant("src/base/b.h", "#pragma once\n")
        self.assert_finds(self.check(header), "src/base/a.h")


if __name__ == "__main__":
    unittest.main()
