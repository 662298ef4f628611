#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""The lists of commands and options in docs/ are those cvmctl --help has.

usage: test_docs.py CVMCTL DOCS [unittest options]
"""
import pathlib
import re
import subprocess
import sys
import unittest

CVMCTL, DOCS = sys.argv[1:3]


def said(*args):
    return subprocess.run([CVMCTL, *args], stdout=subprocess.PIPE, check=True,
                          text=True, timeout=60).stdout


def commands():
    """In their order, help itself left out."""
    listed = re.search(r"^Commands:\n((?:  .*\n)+)", said("help"), re.M)
    names = re.findall(r"^  (\w+) ", listed.group(1), re.M)
    assert names[-1] == "help", names
    return names[:-1]


def options(command):
    text = said("help", command)
    return re.findall(r"^  --([a-z-]+)", text[text.index("\nOptions:"):], re.M)


def rows(page, heading):
    """The first cells of the table below this line."""
    text = (pathlib.Path(DOCS) / page).read_text(encoding="utf-8")
    table = text[text.index(heading):].split("\n\n")[0].splitlines()
    return [line.split(" | ")[0] for line in table[2:]]


class Docs(unittest.TestCase):
    def test_commands(self):
        names = []
        for cell in rows("cvmctl.md", "| command | does |"):
            name = re.match(r"\| `(\w+)", cell).group(1)
            names.append(name)
        self.assertEqual(names, commands())

    def test_json(self):
        text = (pathlib.Path(DOCS) / "cvmctl.md").read_text(encoding="utf-8")
        words = re.search(r"\n\n((?:`[a-z ]+`,?\s(?:and\s)?)+)take\s`--json`",
                          text).group(1)
        told = [word.split()[0] for word in re.findall(r"`([a-z ]+)`", words)]
        self.assertEqual(told, [name for name in commands()
                                if "json" in options(name)])

    def test_image(self):
        told = [re.match(r"\| `--([a-z-]+)", cell).group(1)
                for cell in rows("images.md", "| option | meaning")]
        self.assertEqual(told + ["json", "help"], options("image"))

    def test_width(self):
        """Nothing is wider than the narrowest terminal."""
        for args in [["help"]] + [["help", name] for name in commands()]:
            for line in said(*args).splitlines():
                self.assertLess(len(line), 80, line)
                self.assertEqual(line, line.rstrip())


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[3:])
