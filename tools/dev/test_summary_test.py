#!/usr/bin/env python3
import contextlib
import io
import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import test_summary

PASSED = '<testcase name="A.Works" status="run"><system-out>fine</system-out></testcase>'
FAILED = '<testcase name="A.Breaks" status="fail"><failure message="Failed"/><system-out>it broke here</system-out></testcase>'
SKIPPED_GTEST = ('<testcase name="A.Skips" status="notrun"><skipped message="SKIP_REGULAR_EXPRESSION_MATCHED"/>'
                 "<system-out>a_test.cc:7: Skipped\nneeds a camera\n</system-out></testcase>")
SKIPPED_PYTHON = ('<testcase name="system.x" status="notrun"><skipped message="SKIP_RETURN_CODE=77"/>'
                  "<system-out>SKIP: needs a browser\n</system-out></testcase>")
NOT_FOUND = '<testcase name="A.Gone" status="notrun"><skipped message="Unable to find executable"/><system-out></system-out></testcase>'


class TestSummary(unittest.TestCase):
    def summarize(self, *cases):
        with tempfile.NamedTemporaryFile("w", suffix=".xml") as file:
            file.write(f"<testsuite>{''.join(cases)}</testsuite>")
            file.flush()
            out = io.StringIO()
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
                code = test_summary.main(file.name)
            return code, out.getvalue()

    def test_counts_and_says_why_tests_were_skipped(self):
        code, out = self.summarize(PASSED, SKIPPED_GTEST, SKIPPED_PYTHON)
        self.assertEqual(code, 0)
        self.assertEqual(out.splitlines()[-1], "1 passed, 0 failed, 2 skipped")
        self.assertIn("A.Skips: needs a camera", out)
        self.assertIn("system.x: needs a browser", out)

    def test_fails_and_shows_the_output_of_what_failed(self):
        code, out = self.summarize(PASSED, FAILED)
        self.assertEqual(code, 1)
        self.assertIn("it broke here", out)
        self.assertEqual(out.splitlines()[-1], "1 passed, 1 failed, 0 skipped")

    def test_fails_when_a_test_could_not_be_started(self):
        code, out = self.summarize(PASSED, NOT_FOUND)
        self.assertEqual(code, 1)
        self.assertIn("Unable to find executable", out)

    def test_fails_when_nothing_was_run(self):
        self.assertEqual(self.summarize()[0], 1)


if __name__ == "__main__":
    unittest.main()
