# SPDX-License-Identifier: LGPL-2.1-or-later
"""Every phone with every phone: who talks directly, who through an edge, and that all hear each other."""
import concurrent.futures
import os
import re
import shutil
import time

import turn
from capture import PLAIN_FRAME, datagram_kind, judge, unwrapped
from edges import edges_of
from lab import bracketed
from linphone import Linphone
from net import LabError, wait_until
from phone import Baresip
from sipp import Sipp
from talk import call, hang_up, tones

SIDES = ('alice', 'bob')
TONES = {'alice': 500, 'bob': 800}
AT_ONCE = 4     # calls
EARLY = 25      # frames of silence: with so many phones on one machine handshakes take their time

# What a phone is called here: its program, and how it is set up.
PHONES = {
    'baresip': (Baresip, {'media': 'dtls_srtp', 'nat': 'ice'}),
    'baresip-sdes': (Baresip, {'media': 'srtp-mand', 'nat': None}),
    'baresip-plain': (Baresip, {'media': None, 'nat': None}),
    'linphone': (Linphone, {'media': 'dtls', 'nat': 'ice'}),
    'linphone-sdes': (Linphone, {'media': 'srtp', 'nat': None}),
    'linphone-plain': (Linphone, {'media': 'none', 'nat': None}),
    'linphone-zrtp': (Linphone, {'media': 'zrtp', 'nat': 'ice'}),
    'sipp': (Sipp, {}),
}
ICE = ('baresip', 'linphone', 'linphone-zrtp')


LINPHONES = [name for name, (program, _) in PHONES.items() if program is Linphone]


def wanted_edges(caller, callee):
    """How many edges a call has at either side: none where the phone has ICE and a key exchange that
    the other has, too. Linphone takes an offer of DTLS-SRTP or ZRTP whatever it is set to."""
    if caller == 'linphone-zrtp':
        return (0, 0) if callee in ICE and callee in LINPHONES else None
    return int(caller not in ICE), int(callee not in ICE)


HOW = {(0, 0): 'directly', (1, 0): 'an edge at the caller', (0, 1): 'an edge at the callee', (1, 1): 'an edge at either'}


class Flat:
    name, family = 'flat', 4

    def machine(self, w, side, number):
        return w.network.public_host(side, number, '4')

    def ready(self, tap, w, people):
        pass

    def turn(self, who):
        return None


class Nat(Flat):
    """Both behind routers that let in what answers from the same address and port only."""
    name = 'nat'

    def machine(self, w, side, number):
        return w.network.nat_host(side, number)


class Six(Flat):
    name, family = 'ipv6', 6

    def machine(self, w, side, number):
        return w.network.public_host(side, number, '6')


class Loss(Flat):
    name = 'loss'

    def machine(self, w, side, number):
        machine = super().machine(w, side, number)
        machine.run('nft', '-f', '-', text=True, check=True, input='''table inet loss {
            chain input { type filter hook input priority filter; iifname "eth0" numgen random mod 100 < 2 drop; }
        }''')
        return machine


class Symmetric(Flat):
    name = 'symmetric'

    def machine(self, w, side, number):
        return w.network.nat_host(side, number, symmetric=True)

    def ready(self, tap, w, people):
        for who in people:
            wait_until(f'{who.name}: a TURN server is found', lambda who=who: turn.found(who), 60, 0.5)

    def turn(self, who):
        return turn.found(who)


SETUPS = {kind.name: kind for kind in (Flat, Nat, Symmetric, Six, Loss)}


class Matrix:
    def __init__(self, tap, w, setup, callers, callees):
        self.tap, self.w, self.setup, self.results = tap, w, setup, {}
        self.kinds = {'alice': callers, 'bob': callees}
        self.people = {}

    def begin(self):
        """One ring, two machines, a person with a daemon for each phone at either side."""
        w, symmetric = self.w, isinstance(self.setup, Symmetric)
        config = None
        if symmetric:
            secret = turn.secret_file(w)
            config = {'boot1': f'[turn]\naddress=198.51.100.1:{turn.PORT}\nsecret-file={secret}\n'}
        with self.tap.check(f'{self.setup.name}: three bootstrap peers make a ring', vital=True):
            w.make_bootstraps(self.setup.family, capture=False, config=config, create=('--turn-density', '3') if symmetric else ())
        if symmetric:
            w.started.append(turn.Coturn(w.bootstraps[0].machine, w.folder).start())
        with self.tap.check(f'{self.setup.name}: {sum(map(len, self.kinds.values()))} people register their phones', vital=True):
            for side, first in (('alice', 60), ('bob', 61)):
                machine = self.setup.machine(w, side, first)
                w.start_capture(machine)
                for n, kind in enumerate(self.kinds[side]):
                    self.people[side, kind] = self.person(side, machine, kind, n)
            everyone = list(self.people.values())
            for who in everyone:
                w.connected(who, 60)
            self.setup.ready(self.tap, w, everyone)
            for n, ((side, kind), who) in enumerate(self.people.items()):
                self.start_phone(who, kind, n, TONES[side])
            for who in everyone:
                who.phone.registered(60)
                who.registered(60)

    def person(self, side, machine, kind, n):
        port, loopback = 5100 + n, ('127.0.0.1', '[::1]')
        listen = ';'.join(f'{host}:{port}' for host in loopback)
        who = self.w.person(f'{side}-{kind}', machine, f'[sip]\nlisten={listen}\n[overlay]\nrole=client\nport={6100 + n}\n',
                            capture=False, control=4450 + n)
        who.sip_port = port
        if PHONES[kind][0] is Baresip:
            who.daemon.phone_password('x')      # as its account has it
        return who

    def start_phone(self, who, kind, n, tone):
        program, settings = PHONES[kind]
        relay, six = self.setup.turn(who), self.setup.family == 6
        host = '[::1]' if six else '127.0.0.1'
        proxy, stun = f'sip:{host}:{who.sip_port}', f'{bracketed(self.w.bootstraps[0].machine.address6 if six else "198.51.100.1")}:6084'
        folder = os.path.join(self.w.folder, f'phone-{who.name}')
        common = {'proxy': proxy, 'tone': tone}
        if program is Sipp:
            who.phone = Sipp(who.machine, who.name, who.aor, folder, f'127.0.0.1:{who.sip_port}', tone, 5300, 24000)
        elif program is Linphone:
            if relay:
                stun = f'{relay["host"]}:{relay["port"]}'
            who.phone = Linphone(who.machine, who.name, who.aor, folder, stun=stun if settings['nat'] else None, six=int(six),
                                 turn=relay if settings['nat'] else None, **common, **settings)
        else:
            account = None
            if relay and settings['nat']:
                account = f'<sip:{who.aor};transport=udp>;auth_pass=x;outbound="{proxy};transport=udp";regint=300;mediaenc=dtls_srtp;medianat=ice' \
                    f';stunserver="turn:{relay["host"]}:{relay["port"]}";stunuser="{relay["username"]}";stunpass="{relay["password"]}"'
            who.phone = Baresip(who.machine, who.name, who.aor, folder, stun=f'stun:{stun}' if settings['nat'] else None, family=6 if six else 4,
                                control=who.control, ports=f'{20000 + 100 * n}-{20099 + 100 * n}', account=account, **common, **settings)
        self.w.started.append(who.phone.start())

    def run(self):
        """Rounds in which everybody is in one call at most."""
        callers, callees = self.kinds['alice'], self.kinds['bob']
        size = max(len(callers), len(callees))
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            for shift in range(size):
                pairs = [(k, callees[(n + shift) % size]) for n, k in enumerate(callers) if (n + shift) % size < len(callees)]
                for pair, why in zip(pairs, pool.map(lambda pair: self.one(*pair), pairs)):
                    self.results[pair] = why
                    caller, callee = pair
                    edges = wanted_edges(caller, callee)
                    how = f'{HOW[edges]}, both hear the other' if edges else 'and is refused: the other has no ZRTP'
                    self.tap.result(why is None, f'{self.setup.name}: {caller} calls {callee}, {how}', why or '')
        self.judge()

    def one(self, caller, callee):
        """None, or why this call is not as it should be."""
        alice, bob = self.people['alice', caller], self.people['bob', callee]
        begin = time.monotonic()
        try:
            if not wanted_edges(caller, callee):
                return self.refused(alice, bob)
            since = call(alice, bob, 1.0, 60)
            found = len(edges_of(alice)), len(edges_of(bob))
            sender, other = (alice, bob) if not isinstance(alice.phone, Sipp) else (bob, alice)
            hang_up(sender, other, since, 30)
            for who in (alice, bob):
                wait_until(f'{who.name}: no edge is left', lambda who=who: not edges_of(who), 10, 0.1)
        except (LabError, AssertionError) as e:
            for who in (alice, bob):
                who.phone.hang_up()
            return str(e)
        if found != wanted_edges(caller, callee):
            return f'edges: {found}, expected {wanted_edges(caller, callee)}'
        self.tap.say(f'{caller} -> {callee}: {time.monotonic() - begin:.1f} s')
        return None

    def refused(self, alice, bob):
        since = alice.phone.dial(bob.aor)
        event = alice.phone.wait(('CALL_ESTABLISHED', 'CALL_CLOSED'), since, 20)
        return None if event['type'] == 'CALL_CLOSED' else 'a call that cannot be stands'

    def here(self, name):
        return next(who.address for (side, _), who in self.people.items() if side == name) if isinstance(self.setup, Symmetric) else None

    def without_zrtp_beginnings(self, packets, here):
        """Over relays linphone's ZRTP takes more than a second, and its voice is in clear until then
        (doc/PHONES): those packets are counted and said, not judged."""
        if not here:
            return packets
        sockets = {s for p in packets if p.kind == 'udp' and datagram_kind(p.payload) == 'zrtp' for s in p.flow if s[0] == here}
        clear = {p for p in packets if p.kind == 'udp' and sockets.intersection(p.flow) and len(unwrapped(p.payload)) == PLAIN_FRAME}
        self.tap.say(f'{len(clear)} packets of phones with ZRTP in clear before their handshake was over')
        return [p for p in packets if p not in clear]

    def judge(self):
        self.w.stop_captures()
        for name in SIDES:
            with self.tap.check(f'{self.setup.name}: nothing in clear outside {name}\'s machine'):
                packets = self.without_zrtp_beginnings(self.w.captures[name].packets(), self.here(name))
                counts, complaints = judge(packets, tones(*self.people.values()), EARLY, self.here(name))
                self.tap.say(f'{name}: ' + ', '.join(f'{n} {k}' for k, n in sorted(counts.items(), key=str)))
                assert counts.get('srtp') and counts.get('dtls'), 'the capture missed the calls'
                assert not complaints, '\n'.join(complaints[:10] + [f'{len(complaints)} in all'])

    def table(self):
        short = {(0, 0): 'direct', (1, 0): 'edge-', (0, 1): '-edge', (1, 1): 'edge-edge', None: 'refused'}
        self.tap.say(f'{self.setup.name:16}' + ''.join(f'{k:15}' for k in self.kinds['bob']))
        for caller in self.kinds['alice']:
            row = [short[wanted_edges(caller, callee)] if self.results[caller, callee] is None else 'FAILED' for callee in self.kinds['bob']]
            self.tap.say(f'{caller:16}' + ''.join(f'{cell:15}' for cell in row))


def run(setup, tap, make_world, callers=None, callees=None):
    """`make_world`: scenarios.world, given all but the name. PEERLINE_MATRIX=baresip,sipp: these alone."""
    phones = os.environ.get('PEERLINE_MATRIX', ','.join(PHONES)).split(',')
    if not shutil.which('linphonec') or not shutil.which('sipp') or setup == 'symmetric' and not shutil.which('turnserver'):
        tap.skip(f'matrix {setup}', 'linphonec, sipp or turnserver is not installed')
        return
    with make_world(f'matrix: {setup}') as w:
        matrix = Matrix(tap, w, SETUPS[setup](), callers or phones, callees or phones)
        matrix.begin()
        matrix.run()
        matrix.table()
