# SPDX-License-Identifier: LGPL-2.1-or-later
"""A laptop changes its network, or sleeps: who can be called before can be called soon after."""
import os
import signal
import time

import net
from edges import edges_of
from net import wait_until
from talk import call, hang_up, hear

REACHABLE = 5     # s after the network's return
GOES_ON = 3       # s until a call through the edge has voice again


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


def voice_again(tap, who, other, since, limit=GOES_ON):
    """How long it took until each heard half a second more than at the move."""
    pairs = ((who, other), (other, who))
    before = {listener: listener.phone.heard(speaker.phone.tone) for listener, speaker in pairs}
    took = {}

    def all_hear():
        for listener, speaker in pairs:
            if listener not in took and listener.phone.heard(speaker.phone.tone) > before[listener] + 0.5:
                took[listener] = max(0.0, time.time() - since - 0.5)
        return len(took) == 2
    wait_until(f'{who.name} and {other.name} hear each other again', all_hear, 20, 0.1)
    for listener, seconds in took.items():
        tap.figure(f'{listener.name} hears the other again after the move', seconds * 1000, 'ms', limit * 1000)


STANDSTILL = 15   # s; ICE consent is gone by then (RFC 7675)
AFTER_SLEEP = 10  # s; 3 as a rule, 7 where bob's own attempts meanwhile are in the way


def sleeps(tap, w, alice, bob):
    """Alice's laptop sleeps in mid-call, lid down: her daemon and her edge stand still, its NAT forgets it."""
    with tap.check('sleep in mid-call: the call goes on afterwards'):
        since = call(bob, alice, 1.0)
        still = [alice.daemon.pid, *edges_of(alice)]
        for pid in still:
            os.kill(pid, signal.SIGSTOP)
        time.sleep(STANDSTILL)
        for pid in still:
            os.kill(pid, signal.SIGCONT)
        voice_again(tap, alice, bob, time.time(), AFTER_SLEEP)
        hang_up(alice, bob, since)
    time.sleep(REACHABLE)
    with tap.check('sleep: bob dials alice afterwards'):
        hang_up(bob, alice, call(bob, alice, 1.0))


def call_goes_on(tap, alice, bob):
    """Alice's phone has no ICE: the media of its call are her edge's, which finds another path."""
    for caller, callee in ((alice, bob), (bob, alice)):
        with tap.check(f'another interface in mid-call: {caller.name} has dialled {callee.name}, both hear each other again'):
            since = call(caller, callee, 1.0)
            for change in (to_cable, to_wifi):
                change(alice)
                time.sleep(0.3)     # for what was under way
                voice_again(tap, alice, bob, time.time() - 0.3)
        with tap.check(f'another interface in mid-call: BYE from {callee.name}'):
            hang_up(callee, caller, since)
