# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a test program in Python prints, as TAP: either cases, each a function that raises, or points, one after another."""
import traceback

points, failed = 0, 0


def name_of(case):
    return case.__name__.replace('_', ' ')


def run(cases):
    """Runs all, whatever the others do. The exit code."""
    print(f'1..{len(cases)}', flush=True)
    bad = 0
    for number, case in enumerate(cases, 1):
        try:
            case()
            print(f'ok {number} - {name_of(case)}', flush=True)
        except Exception as error:  # its lines tell, the rest goes on
            bad += 1
            lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__)][1:]
            print(f'not ok {number} - {name_of(case)}\n# lines {lines}: {error!r}', flush=True)
    return 1 if bad else 0


def check(name, good, said=''):
    """One point; what was said is shown when it is not good."""
    global points, failed
    points += 1
    failed += not good
    print(f'{"ok" if good else "not ok"} {points} - {name}', flush=True)
    if not good:
        print('\n'.join('# ' + line for line in str(said).splitlines()[-15:]), flush=True)


def skip(name, why):
    global points
    points += 1
    print(f'ok {points} - {name} # SKIP {why}', flush=True)


def end():
    """After the last point. The exit code."""
    print(f'1..{points}')
    return 1 if failed else 0
