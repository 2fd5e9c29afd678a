# SPDX-License-Identifier: LGPL-2.1-or-later
"""A laptop changes its network, or sleeps: who can be called before can be called soon after."""
import time

import net
from talk import call, hang_up

REACHABLE = 5     # s after the network's return


def to_cable(who):
    """From the network of eth0 to that of eth1."""
    net.ip(who.machine, 'link', 'set', 'eth0', 'down')
    net.ip(who.machine, 'link', 'set', 'eth1', 'up')
    net.ip(who.machine, 'route', 'add', 'default', 'via', '10.30.0.1')


def to_wifi(who):
    net.ip(who.machine, 'link', 'set', 'eth1', 'down')
    net.ip(who.machine, 'link', 'set', 'eth0', 'up')
    net.ip(who.machine, 'route', 'add', 'default', 'via', '10.10.0.1')


def reachable(tap, who, other, what):
    time.sleep(REACHABLE)
    for caller, callee in ((other, who), (who, other)):
        with tap.check(f'{what}: {caller.name} dials {callee.name} after {REACHABLE} s'):
            hang_up(caller, callee, call(caller, callee, 1.0))


def another_network(tap, w, alice, bob):
    w.network.router('cable-alice', 30, alice.machine, 'eth1')
    for change, what in ((to_cable, 'another interface'), (to_wifi, 'back')):
        change(alice)
        reachable(tap, alice, bob, what)
