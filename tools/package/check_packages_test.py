#!/usr/bin/env python3
import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import check_packages

GOOD = "libc6 (>= 2.38), libstdc++6 (>= 14), libonnxruntime1.21, systemd"


class CheckPackages(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = pathlib.Path(scratch.name)
        for name in check_packages.wanted_files("lineside-gateway"):
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("ExecStart=/usr/bin/lineside-gateway --config /etc/lineside/gateway.yaml\n")

    def test_a_whole_package_passes(self):
        self.assertEqual(check_packages.check_control("lineside-gateway", GOOD), [])
        self.assertEqual(check_packages.check_files("lineside-gateway", self.folder), [])

    def test_sees_forbidden_libraries(self):
        for library in ("libtorch2.6 (>= 2.6.0)", "libdrogon1t64", "libtrantor1 (>= 1)"):
            problems = check_packages.check_control("lineside-gateway", f"{GOOD}, {library}")
            self.assertEqual(len(problems), 1, problems)
        self.assertEqual(check_packages.check_control("lineside-train", f"{GOOD}, libtorch2.6"), [])

    def test_sees_a_forbidden_alternative(self):
        self.assertEqual(len(check_packages.check_control("lineside-tools", f"{GOOD} | libtorch2.6")), 1)

    def test_sees_that_no_library_was_looked_up(self):
        self.assertEqual(len(check_packages.check_control("lineside-gateway", "systemd")), 1)

    def test_sees_each_missing_file(self):
        for name in check_packages.wanted_files("lineside-gateway"):
            content = (self.folder / name).read_text()
            (self.folder / name).unlink()
            self.assertIn(f"lineside-gateway lacks /{name}", check_packages.check_files("lineside-gateway", self.folder))
            (self.folder / name).write_text(content)

    def test_sees_a_unit_that_starts_another_program(self):
        unit = self.folder / "usr/lib/systemd/system/lineside-gateway.service"
        unit.write_text("ExecStart=/usr/bin/lineside-gate\n")
        self.assertEqual(len(check_packages.check_files("lineside-gateway", self.folder)), 1)

    def test_sees_a_program_that_does_not_run(self):
        program = self.folder / "usr/bin/lineside-gateway"
        program.write_text("#!/bin/sh\necho lineside-gateway 0.0.9\n")
        program.chmod(0o755)
        self.assertEqual(len(check_packages.check_program("lineside-gateway", self.folder, "0.1.0")), 1)
        self.assertEqual(check_packages.check_program("lineside-gateway", self.folder, "0.0.9"), [])


if __name__ == "__main__":
    unittest.main()
