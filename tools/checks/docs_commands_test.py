#!/usr/bin/env python3
import unittest

from planted import Planted

import docs_commands

DEV_HELP = """usage: ./dev COMMAND [ARGS]

  demo [--minutes N --report]   run the whole system
  test [--long] [--sanitize address,undefined|thread]
                                [--only NAME] run every test
  run PROGRAM [ARGS]            run a built program

Runs on Debian 13.
"""
HELP = {
    ("lineside",): "usage\n\nCommands:\n  check   checks\n  bundle  bundles\n\nOptions:\n  -h, --help\n",
    ("lineside", "check"): "usage: lineside check FILE\n\nOptions:\n  --elsewhere\n  -h, --help\n",
    ("lineside", "bundle"): "usage\n\nCommands:\n  show    shows\n  verify  verifies\n\nOptions:\n  -h, --help\n",
    ("lineside", "bundle", "show"): "usage\n\nOptions:\n  -h, --help\n",
    ("lineside-gateway",): "usage\n\nOptions:\n  --config FILE\n  -h, --help\n",
}


class DocsCommands(Planted):
    def check(self, text):
        page = self.plant("docs/page.md", text)
        helper = docs_commands.Helper(lambda words: HELP.get(tuple(words[:-1])))
        script_help = {"demo": "options:\n  --lines N  bottling lines\n"}.get
        return list(docs_commands.check_page(page, self.project, DEV_HELP, helper, lambda c: script_help(c, "")))

    def test_finds_nothing_in_good_pages(self):
        self.assertEqual(self.check("""Run `./dev test --only NAME`, `lineside check --elsewhere a.yaml`, `lineside bundle show|verify X`.
```sh
$ sudo lineside-gateway --config gateway.yaml   # a comment --strange
./dev demo --minutes 2 --lines 3 --report && ./dev run lineside check a.yaml
```
`lineside/v1/topic`, `~/.cache/lineside` and `lineside` are no commands with options.
"""), [])

    def test_finds_a_dev_command_that_is_not_there(self):
        self.assert_finds(self.check("Type `./dev tset`."), "./dev has no command tset")

    def test_finds_a_dev_option_that_is_not_there(self):
        self.assert_finds(self.check("```\n./dev demo --long\n```\n"), "./dev demo has no option --long")
        self.assert_finds(self.check("`./dev demo --line 4`"), "./dev demo has no option --line")

    def test_finds_a_subcommand_that_is_not_there(self):
        self.assert_finds(self.check("`lineside bundle list x`"), "`lineside bundle` has no command list")
        self.assert_finds(self.check("`lineside bundle show|drop x`"), "has no command drop")

    def test_finds_an_option_that_is_not_there(self):
        self.assert_finds(self.check("`lineside-gateway --conf a.yaml`"), "has no option --conf")
        self.assert_finds(self.check("`/usr/bin/lineside-gateway --conf a.yaml`"), "has no option --conf")
        self.assert_finds(self.check("```sh\n./dev run lineside check --quick a\n```"), "has no option --quick")

    def test_finds_a_program_that_does_not_answer(self):
        self.assert_finds(self.check("`lineside-hub serve`"), "is not built or does not answer")

    def test_finds_a_link_that_leads_nowhere(self):
        self.plant("docs/there.md", "")
        self.assert_finds(self.check("[a](there.md#x) [b](https://example.org) [c](gone.md)"), "links to gone.md")


if __name__ == "__main__":
    unittest.main()
