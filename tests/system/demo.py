#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""demo: one real call between two phones behind two NATs, told step by step.

  demo.py --builddir DIR
"""
import argparse
import sys
import time

import net
from capture import judge
from lab import World
from talk import call, hang_up, note_daemon_ports, tones

PICTURE = '''
   alice's phone  <->  alice's peerlined            bob's peerlined  <->  bob's phone
     10.10.0.2           10.10.0.2                    10.20.0.2           10.20.0.2
          |                  |                            |                  |
        [ NAT 198.51.100.10 ]                           [ NAT 198.51.100.20 ]
                 |                                               |
    -------------+------------- public segment ------------------+-------------
         peerlined 198.51.100.1      198.51.100.2      198.51.100.3 (the ring)
'''


class Teller:
    def __init__(self):
        self.begin = time.monotonic()

    def __call__(self, text):
        for line in text.splitlines():
            print(f'{time.monotonic() - self.begin:6.1f} s  {line}', flush=True)


def tell_links(say, who):
    for peer in who.daemon.ask('peers') or []:
        name = peer.get('aor') or '-'
        say(f'    {who.name} <-> {name:22} {peer.get("role", ""):10} {peer.get("path", "")}')


def tell_call(say, alice):
    for c in alice.daemon.ask('calls') or []:
        lookup, connect, invite = (c.get(k, -1) / 1000 for k in ('lookup', 'connect', 'invite'))
        say(f'    {c.get("from")} -> {c.get("to")}: {c.get("state")}, media {c.get("media")}')
        say(f'    post-dial delay {lookup + connect + invite:.0f} ms: looking bob up {lookup:.0f}, '
            f'connecting to his daemon {connect:.0f}, INVITE to his phone {invite:.0f}')


def show(say, w):
    say('Three bootstrap peers on the public segment: a certificate authority and a signed\n'
        'document are made, each peer gets its certificate, they form the ring.')
    w.make_bootstraps()
    say('Alice and Bob each start peerlined behind their own NAT and join as clients.')
    alice = w.person('alice', w.network.nat_host('alice', 10))
    bob = w.person('bob', w.network.nat_host('bob', 20))
    for who in (alice, bob):
        w.connected(who)
    say('Two unmodified phones (baresip) register at sip:127.0.0.1:5080; each daemon stores a\n'
        'signed registration in the overlay.')
    for who, tone in ((alice, 500), (bob, 800)):
        who.start_phone(tone)
    for who in (alice, bob):
        who.phone.registered()
        who.registered()
        say(f'    {who.aor} is registered')
    tell_links(say, alice)
    say('Alice dials sip:bob@example.net. Her phone says a tone of 500 Hz, his one of 800 Hz.')
    since = call(alice, bob)
    tell_call(say, alice)
    note_daemon_ports((alice, bob))
    say(f'Alice has heard 800 Hz for {alice.phone.heard(800):.1f} s, Bob 500 Hz for {bob.phone.heard(500):.1f} s.')
    tell_links(say, alice)
    say('Bob hangs up.')
    hang_up(bob, alice, since)
    say('Both phones and both daemons are free again.')
    w.stop_captures()
    good = True
    say('What crossed the outside of each host:')
    for who in (alice, bob):
        counts, complaints = judge(who.capture.packets(), tones(alice, bob))
        say(f'    {who.name}: ' + ', '.join(f'{n} {k}' for k, n in sorted(counts.items(), key=str)))
        for complaint in complaints[:5]:
            say(f'    but: {complaint}')
        good = good and not complaints
    say('No SIP, no SDP, no voice in clear.' if good else 'Something was in clear that should not be.')
    return 0 if good else 1


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--builddir', required=True)
    args = parser.parse_args()
    folder = net.enter()
    print(PICTURE)
    say = Teller()
    w = World(folder, args.builddir, 'demo')
    try:
        return show(say, w)
    except net.LabError as e:
        say(f'It did not work: {e}')
        for instance in w.instances:
            say(f'last words of {instance.name}:\n' + '\n'.join('    ' + l for l in instance.log().splitlines()[-8:]))
        return 1
    finally:
        w.stop()


if __name__ == '__main__':
    sys.exit(main())
