#!/usr/bin/env python3
import unittest

from planted import Planted

import layers


class Layers(Planted):
    def setUp(self):
        super().setUp()
        self.module("base", "lineside_module(base RANK 0 LIBRARIES sqlite)")
        self.module("model", "lineside_module(model RANK 1 USES base)")
        self.module("left", "lineside_module(left RANK 2 USES model TEST_LIBRARIES json)")
        self.module("right", "lineside_module(right RANK 2 USES model  # a comment\n  LIBRARIES torch)")
        self.plant("src/apps/CMakeLists.txt", "lineside_program(lineside MAIN tool/main.cc USES left)")
        self.plant("src/base/base.h", "#include <vector>\n")
        self.plant("src/model/model.h", '#include "base/base.h"\n')
        self.plant("src/left/left.h", '#include "model/model.h"\n#include "base/base.h"\n#include "left/own.h"\n')
        self.plant("src/left/own.h", "")
        self.plant("src/right/right.h", "#include <torch/torch.h>\n")
        self.plant("src/apps/tool/main.cc", '#include "left/left.h"\n')

    def module(self, name, cmake):
        self.plant(f"src/{name}/CMakeLists.txt", cmake + "\n")

    def check(self):
        return layers.check(self.project / "src")

    def test_finds_nothing_in_a_clean_project(self):
        self.assertEqual(self.check(), [])

    def test_finds_an_include_of_a_sibling(self):
        self.plant("src/left/a.cc", '#include "right/right.h"\n')
        self.assert_finds(self.check(), "src/left/a.cc", "sibling right")

    def test_finds_an_include_of_a_higher_rank(self):
        self.plant("src/base/a.cc", '#  include "model/model.h"\n')
        self.assert_finds(self.check(), "src/base/a.cc", "higher rank 1")

    def test_finds_an_include_that_the_module_does_not_name(self):
        self.plant("src/apps/tool/other.cc", '#include "right/right.h"\n')
        self.assert_finds(self.check(), "apps/tool does not name right")

    def test_finds_a_program_that_is_included(self):
        self.plant("src/apps/tool/main.h", "")
        self.plant("src/left/a.cc", '#include "apps/tool/main.h"\n')
        self.assert_finds(self.check(), "higher rank 9")

    def test_finds_a_library_that_is_not_named(self):
        self.plant("src/left/a.cc", "#include <torch/nn.h>\n")
        self.assert_finds(self.check(), "left does not name the library torch")

    def test_lets_only_tests_use_a_library_for_tests(self):
        self.plant("src/left/a_test.cc", "#include <nlohmann/json.hpp>\n")
        self.assertEqual(self.check(), [])
        self.plant("src/left/a.cc", "#include <nlohmann/json.hpp>\n")
        self.assert_finds(self.check(), "src/left/a.cc", "library json")

    def test_finds_a_header_for_tests_in_the_product(self):
        self.plant("src/left/test_tools.h", "#include <nlohmann/json.hpp>\n")
        self.plant("src/left/a_test.cc", '#include "left/test_tools.h"\n')
        self.assertEqual(self.check(), [])
        self.plant("src/left/a.cc", '#include "left/test_tools.h"\n')
        self.assert_finds(self.check(), "src/left/a.cc", "which is for tests")

    def test_finds_an_include_that_leads_nowhere(self):
        self.plant("src/left/a.cc", '#include "left.h"\n')
        self.assert_finds(self.check(), "write the path from src/ on")

    def test_finds_a_declaration_of_an_equal_rank(self):
        self.module("left", "lineside_module(left RANK 2 USES model right)")
        self.assert_finds(self.check(), "rank 2 uses right of rank 2")

    def test_finds_a_declaration_of_an_unknown_module(self):
        self.module("left", "lineside_module(left RANK 2 USES model nothing)")
        self.assert_finds(self.check(), "no module nothing")

    def test_finds_a_file_without_a_module(self):
        self.plant("src/lost/a.cc", "")
        self.assert_finds(self.check(), "src/lost/a.cc", "belongs to no module")

    def test_is_not_fooled_by_a_declaration_in_a_comment(self):
        self.module("left", "# lineside_module(left RANK 2 USES right)\nlineside_module(left RANK 2 USES model)")
        self.plant("src/left/a.cc", '#include "right/right.h"\n')
        self.assert_finds(self.check(), "sibling right")


if __name__ == "__main__":
    unittest.main()
