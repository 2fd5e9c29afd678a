#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""check-system: real daemons and real phones in network namespaces; prints TAP.

  run.py --builddir DIR [SCENARIO ...]     PEERLINE_LAB_KEEP=1 keeps captures and logs
"""
import argparse
import os
import shutil
import sys

import net
import scenarios
from tap import Tap

NEEDED = ('baresip', 'dumpcap', 'tshark', 'nft', 'ip', 'unshare', 'nsenter', 'setpriv')


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--builddir', required=True)
    parser.add_argument('scenario', nargs='*', help=', '.join(scenarios.ALL | scenarios.BY_NAME))
    args = parser.parse_args()
    args.builddir = os.path.abspath(args.builddir)
    folder = net.enter()
    tap = Tap()
    for tool in NEEDED:
        if not shutil.which(tool):
            tap.result(False, f'{tool} is there', 'not installed: ./bootstrap check installs it')
    for name in args.scenario or scenarios.ALL:
        try:
            (scenarios.ALL | scenarios.BY_NAME)[name](tap, folder, args.builddir)
        except net.LabError as e:
            tap.result(False, f'{name}: the lab stands', e)
    return tap.end()


if __name__ == '__main__':
    sys.exit(main())
