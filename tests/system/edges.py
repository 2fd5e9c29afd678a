# SPDX-License-Identifier: LGPL-2.1-or-later
"""Phones without ICE or DTLS-SRTP: the media edge does both for them, on the side that needs it."""
import os

from net import wait_until


def edges_of(who):
    """Processes peerline-edge of this person's daemon: {pid}."""
    program, found = who.world.programs['peerline-edge'], set()
    for entry in os.listdir('/proc'):
        if not entry.isdigit():
            continue
        try:
            with open(f'/proc/{entry}/cmdline', 'rb') as f:
                if f.read().split(b'\0')[0].decode() != program:
                    continue
            with open(f'/proc/{entry}/environ', 'rb') as f:
                environment = f.read().split(b'\0')
        except OSError:
            continue
        if f'PEERLINE_HOME={who.daemon.home}'.encode() in environment:
            found.add(int(entry))
    return found


def no_edges(*people):
    for who in people:
        wait_until(f'{who.name}: no edge is left', lambda who=who: not edges_of(who), 5, 0.1)
