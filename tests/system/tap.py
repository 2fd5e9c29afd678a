# SPDX-License-Identifier: LGPL-2.1-or-later
"""Results in the Test Anything Protocol."""
import contextlib
import time
import traceback

from net import LabError


class ScenarioOver(Exception):
    """What the rest of a scenario stands on did not work."""


class Tap:
    def __init__(self):
        self.number, self.failed, self.begin = 0, 0, time.monotonic()

    def say(self, text):
        for line in str(text).splitlines():
            print(f'# {line}', flush=True)

    def result(self, good, name, why=''):
        self.number += 1
        self.failed += not good
        if why:
            self.say(why)
        print(f'{"ok" if good else "not ok"} {self.number} - {name}', flush=True)

    def skip(self, name, why):
        self.number += 1
        print(f'ok {self.number} - {name} # SKIP {why}', flush=True)

    @contextlib.contextmanager
    def check(self, name, vital=False):
        """What is inside holds, or the named line says not ok; vital: the rest of the scenario needs it."""
        begin = time.monotonic()
        try:
            yield
        except (KeyboardInterrupt, SystemExit):
            raise
        except (LabError, AssertionError) as e:
            self.result(False, name, e)
        except Exception:   # a fault of the lab itself is told as fully as one can
            self.result(False, name, traceback.format_exc())
        else:
            self.result(True, f'{name} ({time.monotonic() - begin:.1f} s)')
            return
        if vital:
            raise ScenarioOver(name)

    def figure(self, name, value, unit, limit=None):
        """A measured value, printed; with a limit it is a result."""
        self.say(f'figure: {name}: {value:.1f} {unit}' + (f' (at most {limit:g})' if limit is not None else ''))
        if limit is not None:
            self.result(value <= limit, f'{name} is at most {limit:g} {unit}')

    def end(self):
        print(f'1..{self.number}', flush=True)
        self.say(f'{self.number - self.failed} passed, {self.failed} failed, {time.monotonic() - self.begin:.0f} s')
        return 1 if self.failed else 0
