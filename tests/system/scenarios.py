# SPDX-License-Identifier: LGPL-2.1-or-later
"""The scenarios of check-system. Each makes a world, checks, and takes it down again."""
import contextlib
import functools
import os
import shutil
import signal
import socket
import statistics
import time

import matrix
import moves
import net
import turn
from audio import tone_bytes
from edges import edges_of, no_edges
from capture import Capture, judge, longest_gap, media_flows
from lab import Person, World
from linphone import Linphone
from net import LabError, Network, STRANGER, several_uids, wait_until
from phone import Answering, Baresip, Meddler, ScriptPhone, plain_sdp, secure_sdp
from tap import ScenarioOver
from talk import (active_calls, call, echo, established, hang_up, hear, judge_links, judge_media, judge_outside,
                  note_daemon_ports, tones, voice_delays)


@contextlib.contextmanager
def world(tap, folder, builddir, name):
    """A world that is gone afterwards; what its daemons said is shown when something failed."""
    tap.say(f'--- {name} ---')
    failed, made = tap.failed, World(folder, builddir, name)
    try:
        yield made
    except ScenarioOver as e:
        tap.result(False, f'{name}: the rest of the scenario', f'not run, for it needs: {e}')
    finally:
        made.stop()
        for instance in made.instances:
            bad = [l for l in instance.log().splitlines() if 'CRITICAL' in l or 'ERROR: AddressSanitizer' in l or 'runtime error' in l]
            if bad:
                tap.result(False, f'{name}: {instance.name} runs without complaints of its libraries', '\n'.join(bad[:5]))
            if tap.failed > failed and instance.log():
                tap.say(f'last words of {instance.name}:')
                tap.say('\n'.join('  ' + l for l in instance.log().splitlines()[-25:]))


NO_EDGE = '[overlay]\nrole=client\n[media]\nedge=never\n'


def two_people(tap, w, alice_machine, bob_machine, family=4, config=''):
    with tap.check('three bootstrap peers make a ring', vital=True):
        w.make_bootstraps(family)
    alice, bob = (w.person(n, m, config) for n, m in (('alice', alice_machine), ('bob', bob_machine)))
    with tap.check('two daemons join the overlay as clients', vital=True):
        for who in (alice, bob):
            w.connected(who)
    with tap.check('two unmodified phones register, and the overlay holds both registrations', vital=True):
        alice.start_phone(500)
        bob.start_phone(800)
        for who in (alice, bob):
            who.phone.registered()
            who.registered()
    return alice, bob


def call_phases(who, other):
    """Post-dial delay of the newest call with that person, by phase, in ms."""
    calls = [c for c in who.daemon.ask('calls') or [] if c.get('to') == other.aor]
    assert calls, f'{who.name}: no call to {other.aor} in `peerline calls`'
    newest = max(calls, key=lambda c: c.get('since', 0))
    return newest, {k: newest[k] / 1000 for k in ('lookup', 'connect', 'invite')}


def behind_nat(tap, folder, builddir):  # S1-14, S2-80
    with world(tap, folder, builddir, 'two phones behind two NATs') as w:
        alice, bob = two_people(tap, w, w.network.nat_host('alice', 10), w.network.nat_host('bob', 20))
        with tap.check('alice dials bob: both hear the other\'s tone', vital=True):
            first = since = call(alice, bob)
            ports = note_daemon_ports((alice, bob))
        with tap.check('`peerline calls` names both people, the protection of the media and the phases'):
            newest, phases = call_phases(alice, bob)
            tap.say(f'{newest}')
            assert newest['from'] == alice.aor and newest['to'] == bob.aor and newest['state'] == 'established'
            assert newest['media'] == 'ice+dtls-srtp', newest['media']
            assert all(v >= 0 for v in phases.values()), phases
            tap.say('figure: phases behind two NATs: ' + ', '.join(f'{k} {v:.0f} ms' for k, v in phases.items()))
            tap.figure('post-dial delay behind two NATs', sum(phases.values()), 'ms', 1500)
        with tap.check('`peerline net` says what NAT each is behind'):
            for who in (alice, bob):
                paths = {p['family']: p for p in who.daemon.ask('net')['paths']}
                assert paths['IPv4']['kind'] == 'nat' and paths['IPv6']['kind'] == 'absent', paths
        with tap.check('BYE from the caller ends both'):
            hang_up(alice, bob, since)
        with tap.check('a second call: BYE from the callee ends both'):
            since = call(alice, bob, 1.0)
            hang_up(bob, alice, since)
        with tap.check('bob dials alice: both hear the other\'s tone'):
            since = call(bob, alice, 1.0)
            hang_up(bob, alice, since)
        w.stop_captures()
        delays = voice_delays(alice, bob, first)
        tap.figure('voice after the answer, baresip behind two NATs', max(delays.values()) * 1000, 'ms', 1500)
        judge_outside(tap, (alice, bob), tones(alice, bob))
        judge_media(tap, alice, bob, ports)
        judge_links(tap, w)


def over_ipv6(tap, folder, builddir):
    with world(tap, folder, builddir, 'IPv6 without NAT') as w:
        alice, bob = two_people(tap, w, w.network.public_host('alice', 31, '6'), w.network.public_host('bob', 32, '6'), 6)
        with tap.check('IPv6: alice dials bob, both hear the other\'s tone', vital=True):
            since = call(alice, bob)
            ports = note_daemon_ports((alice, bob))
        with tap.check('IPv6: BYE from the caller ends both'):
            hang_up(alice, bob, since)
        with tap.check('IPv6: BYE from the callee ends both'):
            since = call(alice, bob, 1.0)
            hang_up(bob, alice, since)
        w.stop_captures()
        judge_outside(tap, (alice, bob), tones(alice, bob))
        judge_media(tap, alice, bob, ports)
        judge_links(tap, w)


# --- phones that lack ICE or DTLS-SRTP ---

PLAIN = {'media': None, 'nat': None}


def plain_phones(tap, folder, builddir):
    with world(tap, folder, builddir, 'phones with default settings behind two NATs') as w:
        alice, bob = two_people(tap, w, w.network.nat_host('alice', 10), w.network.nat_host('bob', 20))
        echo_is_there(tap, alice, 'baresip with ICE and DTLS-SRTP')
        for plain in ((alice,), (bob,), (alice, bob)):
            for who, tone in ((alice, 500), (bob, 800)):
                new_phone(w, who, tone, **(PLAIN if who in plain else {}))
            names = ' and '.join(who.name for who in plain)
            for caller, callee in ((alice, bob), (bob, alice)):
                with tap.check(f'plain RTP at {names}: {caller.name} dials {callee.name}, both hear the other\'s tone'):
                    since = call(caller, callee, 1.0)
                with tap.check(f'plain RTP at {names}: an edge exactly there, and none after BYE'):
                    for who in (alice, bob):
                        assert len(edges_of(who)) == (1 if who in plain else 0), f'{who.name} has {edges_of(who)}'
                    hang_up(caller, callee, since)
                    no_edges(alice, bob)
        echo_is_there(tap, alice, 'baresip with plain RTP')
        w.stop_captures()
        judge_outside(tap, (alice, bob), tones(alice, bob))


def echo_is_there(tap, who, name):
    with tap.check(f'{name}: {who.name} hears the own tone from sip:echo@localhost, and no edge is left'):
        echo(who)
        no_edges(who)


def new_phone(w, who, tone, kind=Baresip, **kw):
    """Another phone for the same person, registered."""
    who.stop_phone()
    if kind is Baresip:
        who.start_phone(tone, **kw)
    else:
        who.phone = kind(who.machine, who.name, who.aor, os.path.join(w.folder, f'linphone-{who.name}'), tone=tone, **kw).start()
        w.started.append(who.phone)
    who.phone.registered()
    who.registered()


def edge_lives(tap, folder, builddir):
    """Other phones, and what may become of an edge."""
    with world(tap, folder, builddir, 'edges and what becomes of them') as w:
        alice, bob = two_people(tap, w, w.network.public_host('alice', 31, '4'), w.network.public_host('bob', 32, '4'))
        phones = [('baresip with SDES', Baresip, {'media': 'srtp-mand', 'nat': None})]
        if shutil.which('linphonec'):
            phones += [('linphone with default settings', Linphone, {'media': 'none', 'nat': None}), ('linphone with SDES', Linphone, {'media': 'srtp', 'nat': None}),
                       ('linphone with DTLS-SRTP and no ICE', Linphone, {'media': 'dtls', 'nat': None})]
        for name, kind, settings in phones:
            with tap.check(f'{name} registers'):
                new_phone(w, alice, 500, kind, **settings)
            if kind is Linphone:
                echo_is_there(tap, alice, name)
            for caller, callee in ((alice, bob), (bob, alice)):
                with tap.check(f'{name}: {caller.name} dials {callee.name}, one edge, both hear the other\'s tone'):
                    since = call(caller, callee, 1.0)
                    assert len(edges_of(alice)) == 1 and not edges_of(bob), f'{edges_of(alice)} {edges_of(bob)}'
                    hang_up(caller, callee, since)
                    no_edges(alice, bob)
        new_phone(w, alice, 500, **PLAIN)
        edge_is_killed(tap, alice, bob)
        daemon_is_killed(tap, w, alice, bob)
        w.stop_captures()
        judge_outside(tap, (alice, bob), tones(alice, bob))


def edge_is_killed(tap, alice, bob):
    with tap.check('kill -9 of an edge: its call ends, both phones are told, and the next call stands'):
        since = call(alice, bob, 1.0)
        os.kill(edges_of(alice).pop(), signal.SIGKILL)
        for who in (alice, bob):
            who.phone.wait('CALL_CLOSED', since[who], 5)
        assert alice.daemon.process.poll() is None
        hang_up(bob, alice, call(bob, alice, 1.0))
        no_edges(alice, bob)


def daemon_is_killed(tap, w, alice, bob):
    with tap.check('kill -9 of the daemon in mid-call: the edge goes on, and ends with the BYE after the restart'):
        since = call(alice, bob, 1.0)
        before = edges_of(alice)
        alice.daemon.kill()
        hear(alice, bob, 3.0)
        alice.daemon.start()
        w.connected(alice)
        assert edges_of(alice) == before, f'{before} became {edges_of(alice)}'
        heard = {who: who.phone.heard(other.phone.tone) for who, other in ((alice, bob), (bob, alice))}
        hear(alice, bob, max(heard.values()) + 1.0)
        hang_up(alice, bob, since)
        no_edges(alice, bob)


def phones_with_phones(setup, tap, folder, builddir, **some):
    matrix.run(setup, tap, lambda name: world(tap, folder, builddir, name), **some)


def some_phones(tap, folder, builddir):
    """Of the matrix what is most unlike."""
    phones_with_phones('nat', tap, folder, builddir, callers=('baresip', 'linphone-zrtp', 'linphone-sdes', 'sipp'),
                       callees=('linphone', 'baresip-sdes', 'linphone-plain', 'sipp'))


# --- the network goes away ---

OUTAGE = 60    # s; longer than any link is kept


def outage(tap, folder, builddir):
    """Alice's own interface goes down, Bob's router loses its line; both come back."""
    with world(tap, folder, builddir, 'a minute without network') as w:
        alice, bob = two_people(tap, w, w.network.nat_host('alice', 10), w.network.nat_host('bob', 20))
        with tap.check('outage: alice dials bob before', vital=True):
            hang_up(alice, bob, call(alice, bob, 1.0))
        net.ip(alice.machine, 'link', 'set', 'eth0', 'down')
        net.ip(bob.machine.router, 'link', 'set', 'wan', 'down')
        time.sleep(OUTAGE)
        net.ip(alice.machine, 'link', 'set', 'eth0', 'up')
        net.ip(alice.machine, 'route', 'add', 'default', 'via', '10.10.0.1')
        net.ip(bob.machine.router, 'link', 'set', 'wan', 'up')
        back = time.time()
        for who in (alice, bob):
            with tap.check(f'{who.name} is in the overlay again within 30 s'):
                wait_until(f'{who.name} is a client', lambda who=who: w.state(who) == 'client', 30)
                tap.say(f'{who.name}: after {time.time() - back:.0f} s')
        time.sleep(3)    # for the registrations
        for caller, callee in ((alice, bob), (bob, alice)):
            with tap.check(f'outage: {caller.name} dials {callee.name} afterwards'):
                hang_up(caller, callee, call(caller, callee, 1.0))


def moving(tap, folder, builddir):
    with world(tap, folder, builddir, 'a laptop that moves') as w:
        alice, bob = two_people(tap, w, w.network.nat_host('alice', 10), w.network.nat_host('bob', 20))
        moves.another_network(tap, w, alice, bob)
        for who, tone in ((alice, 500), (bob, 800)):
            new_phone(w, who, tone, **PLAIN)
        moves.call_goes_on(tap, alice, bob)
        moves.sleeps(tap, w, alice, bob)
        w.stop_captures()
        for who in (alice, bob):
            with tap.check(f'outside {who.name}\'s host nothing is in clear'):
                _, complaints = judge(who.capture.packets(), tones(alice, bob))
                # an association goes on where the path is another: no handshake is seen there
                bad = [c for c in complaints if 'handshake before' not in c]
                assert not bad, '\n'.join(bad[:10])


# --- two symmetric NATs ---

def symmetric(tap, folder, builddir, with_voices=False):
    if not shutil.which('turnserver'):
        tap.skip('two symmetric NATs', 'coturn is not installed')
        return
    with world(tap, folder, builddir, 'two people behind symmetric NATs') as w:
        turn.through_turn(tap, w, with_voices)


def symmetric_voices(tap, folder, builddir):
    """baresip 1.0 takes 20 s to try all other pairs before those of the relays."""
    symmetric(tap, folder, builddir, True)


# --- a LAN on its own ---

def lan(tap, folder, builddir):
    with world(tap, folder, builddir, 'a LAN without a bootstrap node') as w:
        w.make_overlay([], '--multicast', '239.255.96.84')
        peers = []
        with tap.check('lan: three peers that start together find each other by multicast and make one ring', vital=True):
            for n in range(1, 4):
                peers.append(w.person(f'peer{n}', w.network.public_host(f'peer{n}', n, '4'), '[overlay]\nrole=peer\n', capture=False))
            for who in peers:
                wait_until(f'{who.name}: a peer', lambda who=who: w.state(who) == 'peer', 20)
            for who in peers:
                wait_until(f'{who.name}: linked with the others', lambda who=who: len(who.daemon.ask('peers') or []) >= 2, 60)
        with tap.check('lan: a client finds them, registers and is looked up'):
            alice = w.person('alice', w.network.public_host('alice', 31, '4'), capture=False)
            w.connected(alice)
            script = ScriptPhone(alice.machine, alice.aor, alice.address)
            with contextlib.closing(script):
                assert script.register() == 200
                alice.registered()
                assert peers[0].daemon.ask('lookup', alice.aor)['result'] == 'found'


# --- one flat network: death, refusals, meddling ---

def flat(tap, folder, builddir):
    with world(tap, folder, builddir, 'one flat network') as w:
        alice, bob = two_people(tap, w, w.network.public_host('alice', 31, '4'), w.network.public_host('bob', 32, '4'), config=NO_EDGE)
        with tap.check('flat: alice dials bob, both hear the other\'s tone', vital=True):
            since = call(alice, bob)
        with tap.check('flat: BYE from the caller ends both'):
            hang_up(alice, bob, since)
        redirected(tap, w, alice, bob)
        for victim in (alice, bob):
            survives_crash(tap, alice, bob, victim)
        for victim in (alice, bob):
            for sender, other in ((alice, bob), (bob, alice)):
                bye_after_crash(tap, alice, bob, victim, sender, other)
        refusals(tap, w, alice, bob)
        meddling(tap, w, alice, bob)
        strangers(tap, alice)
        clean_stop(tap, w, alice)
        ring_survives(tap, w, alice, bob)
        w.stop_captures()
        judge_outside(tap, (alice, bob), tones(alice, bob))
        judge_links(tap, w)


def redirected(tap, w, alice, bob):
    with tap.check('alice dials gina, who redirects to bob: they talk, and `peerline calls` says where it went'):
        gina = another_person(w, 'gina', 37)
        gina.daemon.cli('redirect', gina.aor, bob.aor)
        wait_until('alice\'s look-up of gina leads to bob',
                   lambda: (alice.daemon.ask('lookup', gina.aor) or {}).get('redirects') == [bob.aor], 20)
        since = call(alice, bob, 1.0, dialled=gina.aor)
        newest, _ = call_phases(alice, gina)
        assert newest['redirected'] == bob.aor and newest['state'] == 'established', newest
        hang_up(bob, alice, since)


def survives_crash(tap, alice, bob, victim):
    with tap.check(f'kill -9 of {victim.name}\'s daemon and its restart: the audio never stops, BYE then ends both'):
        since = call(alice, bob, 1.0)
        begin = time.time()
        victim.daemon.kill()
        victim.daemon.start()
        before = alice.phone.heard(bob.phone.tone)
        hear(alice, bob, before + 3.0)
        end = time.time()
        hang_up(alice, bob, since, 10)
        wait_until('the capture is written', lambda: any(p.time > end for p in alice.capture.packets()), 10, 0.5)
        packets = [p for p in alice.capture.packets() if begin - 1 <= p.time <= end + 1]
        flows = media_flows(packets, least=100)
        assert len(flows) == 2, f'media flows meanwhile: {flows}'
        gap = max(longest_gap(packets, flow, begin, end) for flow in flows)
        tap.say(f'longest silence on the wire in {end - begin:.1f} s around the crash: {gap * 1000:.0f} ms')
        assert gap < 0.3, f'silent for {gap:.2f} s'


def bye_after_crash(tap, alice, bob, victim, sender, other):
    with tap.check(f'{sender.name} hangs up right after kill -9 of {victim.name}\'s daemon: the BYE arrives within 10 s of its restart'):
        since = call(alice, bob, 1.0)
        victim.daemon.kill()
        killed = time.monotonic()
        sender.phone.hang_up()
        assert time.monotonic() - killed < 1
        restarted = time.monotonic()
        victim.daemon.start()
        event = other.phone.wait('CALL_CLOSED', since[other], max(0.1, restarted + 10 - time.monotonic()))
        tap.say(f'BYE arrived {event["when"] - restarted:.1f} s after the restart')


def refusals(tap, w, alice, bob):
    phone = ScriptPhone(alice.machine, alice.aor, alice.address)
    with contextlib.closing(phone):
        with tap.check('an address that nobody has: 404'):
            expect(phone, phone.invite('nobody@example.net'), 404)
        with tap.check('a forged From: 403'):
            expect(phone, phone.invite(bob.aor, sender='carol@example.net'), 403)
        with tap.check('a phone without encryption and without an edge: 488, and a Warning says what to switch on'):
            answer = expect(phone, phone.invite(bob.aor, plain_sdp(alice.address)), 488)
            assert answer.get('warning'), 'no Warning header'
            tap.say(f'Warning: {answer.get("warning")}')
        callee_offline(tap, w, phone)
        callee_without_encryption(tap, w, phone)


def expect(phone, attempt, status, within=10):
    answer = phone.finish(attempt, within)
    assert answer.status == status, f'{answer.first}, not {status}'
    return answer


def another_person(w, name, number, config=''):
    who = w.person(name, w.network.public_host(name, number, '4'), config, capture=False)
    w.connected(who)
    return who


def callee_offline(tap, w, phone):
    with tap.check('a callee who was there and went: 480 within 5 s'):
        carol = another_person(w, 'carol', 33)
        script = ScriptPhone(carol.machine, carol.aor, carol.address)
        with contextlib.closing(script):
            assert script.register() == 200
            carol.registered()
        w.started.remove(carol.daemon)
        assert carol.daemon.stop() == 0, 'carol\'s daemon did not stop cleanly'
        begin = time.monotonic()
        expect(phone, phone.invite(carol.aor), 480)
        tap.say(f'480 after {time.monotonic() - begin:.2f} s')
        assert time.monotonic() - begin < 5
    with tap.check('a callee whose daemon was killed: 480 within 5 s'):
        dora = another_person(w, 'dora', 34)
        script = ScriptPhone(dora.machine, dora.aor, dora.address)
        with contextlib.closing(script):
            assert script.register() == 200
            dora.registered()
        w.started.remove(dora.daemon)
        dora.daemon.kill()
        begin = time.monotonic()
        expect(phone, phone.invite(dora.aor), 480)
        tap.say(f'480 after {time.monotonic() - begin:.2f} s')
        assert time.monotonic() - begin < 5


def callee_without_encryption(tap, w, phone):
    with tap.check('a callee whose phone answers without encryption, without an edge: 488 to the caller, BYE to the phone'):
        erin = another_person(w, 'erin', 35, NO_EDGE)
        script = ScriptPhone(erin.machine, erin.aor, erin.address, answer=plain_sdp)
        assert script.register() == 200
        erin.registered()
        answering = Answering(script)
        with contextlib.closing(answering):
            expect(phone, phone.invite(erin.aor), 488)
            for method in ('ACK', 'BYE'):
                wait_until(f'the phone gets its {method}', lambda method=method: any(m.method == method for m in list(script.seen)), 5)


def meddling(tap, w, alice, bob):  # S2-11, S2-34
    with tap.check('a fingerprint swapped in transit between bob\'s phone and his daemon: no audio'):
        meddler = Meddler(bob.machine)
        bob.stop_phone()
        try:
            bob.start_phone(800, proxy=meddler.proxy)
            bob.phone.registered()
            bob.registered()
            for who in (alice, bob):
                who.phone.forget_recordings()
            since = {who: who.phone.mark() for who in (alice, bob)}
            alice.phone.dial(bob.aor)
            with contextlib.suppress(LabError):     # a phone may give the call up at once
                established(alice, since[alice])
            assert net.holds_for(lambda: alice.phone.heard(800) == 0 and bob.phone.heard(500) == 0, 8, 1), 'there was audio'
            assert meddler.swapped, 'the test swapped nothing'
            bob.note_ports()
            alice.note_ports()
            alice.phone.hang_up()
            wait_until('the call is over', lambda: not active_calls(alice) and not active_calls(bob), 10)
        finally:
            bob.stop_phone()
            meddler.close()
    with tap.check('and without the meddler there is audio again'):
        bob.start_phone(800)
        bob.phone.registered()
        hang_up(alice, bob, call(alice, bob, 1.0))


def strangers(tap, alice):
    name = 'another user of the machine can neither send to the SIP port nor take it'
    if not several_uids():
        tap.skip(name, 'only one uid in this user namespace: needs root or an entry in /etc/subuid')
        return
    listening = [a.rsplit(':', 1) for a in alice.daemon.ask('status')['listen']]
    for host, port in ((h.strip('[]'), int(p)) for h, p in listening):
        family = socket.AF_INET6 if ':' in host else socket.AF_INET
        with tap.check(f'{name} ({host})'):
            mine = ScriptPhone(alice.machine, alice.aor, alice.address, (host, port))
            with contextlib.closing(mine):
                mine.request('OPTIONS', f'sip:{alice.aor}', alice.aor, 'mine@lab', 'm', 1)
                mine.wait(lambda m: m.status, 5, 'answer to a socket of the user')
            other = ScriptPhone(alice.machine, alice.aor, alice.address, (host, port), uid=STRANGER)
            with contextlib.closing(other):
                for method in ('OPTIONS', 'REGISTER', 'INVITE'):
                    other.request(method, f'sip:{alice.aor}', alice.aor, f'{method}@lab', 's', 1, body=secure_sdp(alice.address))
                assert other.take(2) is None, 'a stranger got an answer over UDP'
            stranger_tcp(alice, family, host, port)
            stranger_binds(alice, family, host, port)


def stranger_tcp(alice, family, host, port):
    s = alice.machine.socket(family, socket.SOCK_STREAM, STRANGER)
    with contextlib.closing(s):
        s.settimeout(2)
        with contextlib.suppress(ConnectionError, TimeoutError):
            s.connect((host, port))
            where = f'[{host}]' if family == socket.AF_INET6 else host
            s.sendall((f'OPTIONS sip:{alice.aor} SIP/2.0\r\nVia: SIP/2.0/TCP {where}:9;branch=z9hG4bKs\r\nMax-Forwards: 70\r\n'
                       f'From: <sip:{alice.aor}>;tag=s\r\nTo: <sip:{alice.aor}>\r\nCall-ID: tcp@lab\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n').encode())
            data = s.recv(1000)
            assert not data, f'a stranger got an answer over TCP: {data[:40]}'


def stranger_binds(alice, family, host, port):
    everywhere = '::' if family == socket.AF_INET6 else '0.0.0.0'
    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
        for where in (host, everywhere):
            for option in (None, socket.SO_REUSEADDR, socket.SO_REUSEPORT):
                s = alice.machine.socket(family, kind, STRANGER)
                with contextlib.closing(s):
                    if family == socket.AF_INET6:
                        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                    if option:
                        s.setsockopt(socket.SOL_SOCKET, option, 1)
                    try:
                        s.bind((where, port))
                        if kind == socket.SOCK_STREAM:
                            s.listen(1)
                    except OSError:
                        continue
                    raise AssertionError(f'a stranger took {where}:{port} ({kind.name}, option {option})')


def clean_stop(tap, w, alice):
    with tap.check('SIGTERM ends the daemon cleanly, and its registration is gone from the overlay'):
        frank = another_person(w, 'frank', 36)
        script = ScriptPhone(frank.machine, frank.aor, frank.address)
        with contextlib.closing(script):
            assert script.register() == 200
            frank.registered()
        wait_until('alice finds frank', lambda: (alice.daemon.ask('lookup', frank.aor) or {}).get('result') == 'found', 10)
        w.started.remove(frank.daemon)
        assert frank.daemon.stop() == 0
        wait_until('alice does not find frank', lambda: (alice.daemon.ask('lookup', frank.aor) or {}).get('result') == 'offline', 5)


def ring_survives(tap, w, alice, bob):
    with tap.check('kill -9 of a bootstrap peer: people call each other all the same; restarted it is a peer again'):
        boot = w.bootstraps[-1]
        boot.daemon.kill()
        hang_up(alice, bob, call(alice, bob, 1.0))
        boot.daemon.start()
        wait_until(f'{boot.name}: a peer again', lambda: w.state(boot) == 'peer', 30)


# --- the other phone ---

def linphones(tap, folder, builddir):
    if not shutil.which('linphonec'):
        tap.skip('unmodified linphones call', 'linphonec is not installed')
        return
    with world(tap, folder, builddir, 'linphone') as w:
        with tap.check('linphone: three bootstrap peers make a ring', vital=True):
            w.make_bootstraps(capture=False)
        alice, bob, carol = (w.person(n, w.network.public_host(n, i, '4'), capture=False) for n, i in (('alice', 31), ('bob', 32), ('carol', 33)))
        with tap.check('a linphone and a baresip set up by `peerline phone`, and a linphone on TCP, register', vital=True):
            for who in (alice, bob, carol):
                w.connected(who)
            bob.start_phone(800, account=bob.daemon.cli('phone', 'baresip').strip())
            for who, tone, how in ((alice, 500, {'port': '', 'provisioning': alice.daemon.cli('phone', 'linphone')}), (carol, 1000, {'transport': 'tcp'})):
                who.phone = Linphone(who.machine, who.name, who.aor, os.path.join(w.folder, f'phone-{who.name}'), tone=tone, **how).start()
                w.started.append(who.phone)
            for who in (alice, bob, carol):
                who.phone.registered()
                who.registered()
        echo_is_there(tap, alice, 'linphone with ICE and DTLS-SRTP')
        for caller, callee in ((alice, bob), (bob, alice), (alice, carol), (carol, alice)):
            with tap.check(f'{type(caller.phone).__name__} calls {type(callee.phone).__name__}: both hear the other\'s tone, '
                           f'BYE from {caller.name} ends both'):
                hang_up(caller, callee, call(caller, callee, 1.0))
        for caller, callee in ((alice, bob), (alice, carol)):
            with tap.check(f'{type(caller.phone).__name__} calls {type(callee.phone).__name__}: BYE from {callee.name} ends both'):
                hang_up(callee, caller, call(caller, callee, 1.0))


# --- the first ten minutes ---

class Newcomer(Person):
    """Somebody who types commands, which are counted."""

    def __init__(self, world, name, number):
        super().__init__(world, name, world.network.public_host(name, number, '4'))
        self.daemon.configure('')
        self.commands = ['peerlined']
        world.start_daemon(self)

    def type(self, *words):
        self.commands.append('peerline ' + ' '.join(words))
        return self.daemon.cli(*words, timeout=60)

    def setup(self, tone, *words):
        line = next(l for l in self.type('setup', '--address', self.aor, '--phone', 'baresip', '--wait', '0', *words).splitlines() if l.startswith('<sip:'))
        self.commands.append('baresip')
        self.start_phone(tone, account=line)
        self.phone.registered()


def newcomer(tap, folder, builddir):
    with world(tap, folder, builddir, 'from nothing to the first call on a LAN') as w:
        begun = time.monotonic()
        alice, bob = (Newcomer(w, name, number) for name, number in (('alice', 31), ('bob', 32)))
        with tap.check('newcomer: alice makes an overlay by `peerline setup`, her phone registers and she hears herself', vital=True):
            alice.setup(500, '--create', 'home.lan')
            echo(alice)
        with tap.check('newcomer: bob takes her invitation by `peerline setup`', vital=True):
            bob.setup(800, '--join', alice.type('invite').splitlines()[0])
            for who in (alice, bob):
                who.registered()
        with tap.check('newcomer: alice calls bob, both hear the other\'s tone, with at most 4 commands each and within 2 minutes'):
            hang_up(alice, bob, call(alice, bob, 1.0))
            took = time.monotonic() - begun
            for who in (alice, bob):
                tap.say(f'{who.name} typed {len(who.commands)} commands: ' + '; '.join(c[:60] for c in who.commands))
                assert len(who.commands) <= 4, who.commands
            tap.figure('from two installed machines to the first call', took, 's', 120)


# --- figures ---

CALLERS = 10


def figures(tap, folder, builddir):
    with world(tap, folder, builddir, 'figures on a flat network') as w:
        with tap.check('figures: three bootstrap peers make a ring', vital=True):
            w.make_bootstraps(capture=False)
        machine = w.network.public_host('callers', 41, '4')
        rita = w.person('rita', w.network.public_host('rita', 32, '4'), capture=False)
        callers = []
        with tap.check(f'figures: {CALLERS + 1} more daemons come', vital=True):
            for n in range(CALLERS):
                callers.append(w.person(f'caller{n}', machine, f'[sip]\nlisten=127.0.0.1:{5100 + n}\n[overlay]\nrole=client\nport={6100 + n}\n',
                                        capture=False, home=f'caller{n}'))
            for who in callers + [rita]:
                w.connected(who)
        script = ScriptPhone(rita.machine, rita.aor, rita.address)
        with tap.check('figures: the callee is registered', vital=True):
            assert script.register() == 200
            rita.registered()
        answering = Answering(script)
        with contextlib.closing(answering):
            delays(tap, machine, callers, rita, answering)
        memory(tap, rita)


def delays(tap, machine, callers, rita, answering):
    first, again, phases = [], [], []
    with tap.check(f'figures: {2 * len(callers)} calls arrive'):
        for n, who in enumerate(callers):
            phone = ScriptPhone(machine, who.aor, machine.address4, ('127.0.0.1', 5100 + n))
            with contextlib.closing(phone):
                assert phone.register() == 200
                first.append(one_call(phone, rita, answering))
                phases.append(call_phases(who, rita)[1])
                again.append(one_call(phone, rita, answering))
    if len(again) == len(callers):
        tap.say('first calls, ms: ' + ' '.join(f'{x:.0f}' for x in sorted(first)) + '; next calls, ms: ' + ' '.join(f'{x:.0f}' for x in sorted(again)))
        for phase in ('lookup', 'connect', 'invite'):
            tap.figure(f'phase {phase}, no link yet, median', statistics.median(p[phase] for p in phases), 'ms')
        tap.figure('post-dial delay with no link yet, median', statistics.median(first), 'ms', 250)
        tap.figure('post-dial delay when the link stands, median', statistics.median(again), 'ms', 30)


def one_call(phone, rita, answering):
    """From the INVITE that leaves the caller's phone to the one that reaches the callee's, in ms."""
    attempt = phone.invite(rita.aor)
    expect(phone, attempt, 200)
    delay = answering.arrival(attempt.id) - attempt.sent
    assert phone.bye(attempt).status == 200
    return delay * 1000


def memory(tap, rita):
    with tap.check('figures: memory of an idle daemon with at least 8 links'):
        links = rita.daemon.ask('peers') or []
        assert len(links) >= 8, f'only {len(links)} links'
        rss, private = rita.daemon.memory()
        tap.say(f'{len(links)} links')
        tap.figure('resident memory of an idle daemon', rss / 1024, 'MiB', 25)
        tap.figure('private memory of an idle daemon', private / 1024, 'MiB', 16)


def control(tap, folder, builddir):
    """Does the lab see what it looks for? A call without peerline and without encryption."""
    tap.say('--- the lab itself ---')
    network, started = Network(), []
    try:
        with tap.check('the lab recognises SIP, SDP and a tone in clear when a call has them'):
            one, two = network.public_host('one', 51), network.public_host('two', 52)
            for machine, name, tone in ((one, 'one', 500), (two, 'two', 800)):
                started.append(Baresip(machine, name, f'{name}@{machine.address4}', f'{folder}/control-{name}', proxy=None, tone=tone,
                                       nat=None, media=None, sip_port=5070).start())
            capture = Capture(one, f'{folder}/control.pcap')
            started.append(capture)
            since = started[0].dial(f'sip:two@{two.address4}:5070')
            started[0].wait('CALL_ESTABLISHED', since, 10)
            wait_until('the tone is heard', lambda: started[0].heard(800) > 1 and started[1].heard(500) > 1, 15, 0.3)
            started[0].hang_up()
            started[1].wait('CALL_CLOSED', 0, 10)
            capture.stop()
            text = ' '.join(judge(capture.packets(), tone_bytes(500))[1])
            for sign in ('INVITE sip', 'v=0', 'the tone in clear', 'without a handshake'):
                assert sign in text, f'not seen: {sign}'
    finally:
        for thing in reversed(started):
            thing.stop()
        network.remove()


ALL = {'control': control, 'nat': behind_nat, 'edge': plain_phones, 'edge-lives': edge_lives, 'turn': symmetric, 'lan': lan, 'flat': flat, 'ipv6': over_ipv6, 'linphone': linphones, 'newcomer': newcomer, 'figures': figures, 'outage': outage, 'moving': moving, 'phones': some_phones}
BY_NAME = {'turn-voices': symmetric_voices}     # takes long and shows little more
BY_NAME.update({f'matrix-{setup}': functools.partial(phones_with_phones, setup) for setup in matrix.SETUPS})
