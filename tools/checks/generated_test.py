#!/usr/bin/env python3
import unittest

from planted import Planted

import generated


class Generated(Planted):
    def test_finds_a_page_that_is_old_or_missing(self):
        page = self.plant("docs/errors.md", "old")
        self.assert_finds(generated.check({page: "new"}, self.project), "docs/errors.md is not up to date")
        self.assert_finds(generated.check({self.project / "docs/none.md": "new"}, self.project), "docs/none.md")
        self.assertEqual(generated.check({page: "old"}, self.project), [])

    def test_makes_the_page_of_errors(self):
        page = generated.errors_page('// list\nLINESIDE_ERROR(disk_full, "disk.full", 74, "No room.", "Free space.")\n')
        self.assertIn("| `disk.full` | 74 | No room. | Free space. |\n", page)

    def test_refuses_a_definition_that_it_cannot_read(self):
        with self.assertRaises(ValueError):
            generated.errors_page('LINESIDE_ERROR(disk_full, "disk.full",\n')


if __name__ == "__main__":
    unittest.main()
