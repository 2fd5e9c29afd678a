# SPDX-License-Identifier: LGPL-2.1-or-later
"""A TURN server that the overlay offers: coturn beside a bootstrap peer, two people behind symmetric
NATs, who can't reach each other without it (RFC 6940 section 9)."""
import base64
import contextlib
import hashlib
import hmac
import os
import re
import signal
import socket
import struct
import subprocess
import time

from net import user, wait_until
from phone import Answering, ScriptPhone, stop_process
from talk import call, hang_up

PORT, SECRET = 3478, 'the north wind and the sun'
COOKIE = 0x2112a442
ALLOCATE, ALLOCATED = 0x0003, 0x0103
USERNAME, INTEGRITY, ERROR, REALM, NONCE, TRANSPORT = 0x0006, 0x0008, 0x0009, 0x0014, 0x0015, 0x0019


class Coturn:
    def __init__(self, machine, folder):
        self.machine, self.log = machine, os.path.join(folder, 'coturn.log')
        self.command = ['turnserver', '-n', '--listening-ip', machine.address4, '--relay-ip', machine.address4,
                        '--listening-port', str(PORT), '--realm', 'example.net', '--use-auth-secret', '--static-auth-secret', SECRET,
                        '--fingerprint', '--no-tcp', '--no-tls', '--no-dtls', '--no-cli', '--relay-threads', '1',
                        '--userdb', os.path.join(folder, 'turndb'), '--pidfile', os.path.join(folder, 'coturn.pid'), '--log-file', 'stdout']

    def start(self):
        with open(self.log, 'ab') as log:
            self.process = subprocess.Popen(self.machine.command(self.command), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_until('coturn answers', lambda: allocate(self.machine, self.machine.address4, 'x', 'x', 0.2) is not None, 5)
        return self

    def stop(self):
        stop_process(self.process, signal.SIGTERM, 5)


def attribute(kind, value):
    return struct.pack('!HH', kind, len(value)) + value + bytes(-len(value) % 4)


def message(attributes, key=None):
    """An Allocate request; with a key its MESSAGE-INTEGRITY (RFC 8489 14.5)."""
    head = os.urandom(12)
    length = len(attributes) + (24 if key else 0)
    text = struct.pack('!HHI', ALLOCATE, length, COOKIE) + head + attributes
    return text + attribute(INTEGRITY, hmac.new(key, text, hashlib.sha1).digest()) if key else text


def attributes_of(answer):
    found, at = {}, 20
    while at + 4 <= len(answer):
        kind, length = struct.unpack_from('!HH', answer, at)
        found[kind] = answer[at + 4:at + 4 + length]
        at += 4 + length + -length % 4
    return found


def allocate(machine, server, name, password, timeout=2):
    """What coturn says to these credentials: 0 for an address, an error code, or None for nothing."""
    udp = attribute(TRANSPORT, bytes([17, 0, 0, 0]))
    with contextlib.closing(machine.socket(socket.AF_INET, socket.SOCK_DGRAM)) as s:
        s.settimeout(timeout)
        s.connect((server, PORT))
        try:
            s.send(message(udp))
            asked = attributes_of(s.recv(2000))
            key = hashlib.md5(f'{name}:{asked[REALM].decode()}:{password}'.encode()).digest()
            who = attribute(USERNAME, name.encode()) + attribute(REALM, asked[REALM]) + attribute(NONCE, asked[NONCE])
            s.send(message(udp + who, key))
            answer = s.recv(2000)
        except (OSError, KeyError):
            return None
    error = attributes_of(answer).get(ERROR)
    return 0 if struct.unpack_from('!H', answer)[0] == ALLOCATED else error[2] * 100 + error[3]


def credentials(expiry):
    name = f'{int(expiry)}:{"ab" * 16}'
    return name, base64.b64encode(hmac.new(SECRET.encode(), name.encode(), hashlib.sha1).digest()).decode()


def found(who):
    rows = who.daemon.ask('turn') or [{}]
    return rows[0] if rows[0].get('state') == 'found' else None


def sip_paths(who):
    return [p['path'] for p in who.daemon.ask('peers') or [] if p.get('role') == 'sip']


def secret_file(w):
    path = w.write('turn-secret', SECRET + '\n')
    os.chown(path, user(), user())
    os.chmod(path, 0o600)
    return path


def through_turn(tap, w, with_voices):  # S2-09
    secret = secret_file(w)
    with tap.check('turn: three bootstrap peers make a ring, one with coturn beside it', vital=True):
        w.make_bootstraps(capture=False, config={'boot1': f'[turn]\naddress=198.51.100.1:{PORT}\nsecret-file={secret}\n'})
        boot = w.bootstraps[0].machine
        w.started.append(Coturn(boot, w.folder).start())
    alice, bob = (w.person(n, w.network.nat_host(n, i, symmetric=True), capture=False) for n, i in (('alice', 10), ('bob', 20)))
    phones = {}
    with tap.check('turn: two people behind symmetric NATs register', vital=True):
        for who in (alice, bob):
            w.connected(who)
            phones[who] = ScriptPhone(who.machine, who.aor, who.address)
            assert phones[who].register() == 200
            who.registered()
    answering = Answering(phones[bob])
    with contextlib.closing(phones[alice]), contextlib.closing(answering):
        without(tap, alice, bob, phones[alice])
        offered(tap, w, alice, bob)
        with tap.check('turn: now alice\'s INVITE reaches bob, over a SIP link that coturn relays', vital=True):
            attempt = phones[alice].invite(bob.aor)
            answer = phones[alice].finish(attempt, 15)
            assert answer.status == 200, answer.first
            paths = sip_paths(alice) + sip_paths(bob)
            tap.say(f'paths: {paths}')
            assert paths and all(boot.address4 in p for p in paths), paths
            assert phones[alice].bye(attempt).status == 200
    expiry(tap, boot, alice)
    if with_voices:
        voices(tap, alice, bob)


def without(tap, alice, bob, phone):
    with tap.check('turn: without a TURN server bob is not reached: 480 to the phone, and the log says what it takes'):
        attempt = phone.invite(bob.aor)
        answer = phone.finish(attempt, 15)
        assert answer.status == 480, answer.first
        wait_until('the log says why', lambda: 'takes a TURN server, and the overlay offers none' in alice.daemon.log(), 5)
        done = alice.daemon.cli('turn', check=False)
        assert done.returncode == 1 and '--turn-density' in done.stderr, done.stderr


def offered(tap, w, alice, bob):
    with tap.check('turn: the overlay\'s document gets a turn-density: both find the server and credentials', vital=True):
        w.authority.cli('overlay', 'update', 'example.net', '--turn-density', '3')
        name = next(os.path.join(root, f) for root, _, files in os.walk(w.authority.home) for f in files if f.endswith('.xml'))
        with open(name) as f:
            w.bootstraps[1].daemon.cli('overlay', 'join', w.write('next.xml', f.read()))
        begin = time.monotonic()
        for who in (alice, bob):
            row = wait_until(f'{who.name}: a TURN server is found', lambda who=who: found(who), 30)
            assert (row['host'], row['port']) == ('198.51.100.1', PORT), row
            assert row['expires'] / 1e6 > time.time() + 40000, row
        tap.say(f'after {time.monotonic() - begin:.1f} s')


def expiry(tap, boot, alice):
    with tap.check('turn: coturn takes these credentials, no expired ones and no guessed ones'):
        row = found(alice)
        good, late = credentials(time.time() + 60), credentials(time.time() - 5)
        said = [allocate(alice.machine, boot.address4, *c) for c in ((row['username'], row['password']), good, late, (good[0], late[1]))]
        assert said == [0, 0, 401, 401], said


def voices(tap, alice, bob):
    with tap.check('turn: two baresips that are given what `peerline turn` prints hear each other'):
        for who, tone in ((alice, 500), (bob, 800)):
            row = found(who)
            server = f';stunserver="turn:{row["host"]}:{row["port"]}";stunuser="{row["username"]}";stunpass="{row["password"]}"'
            who.start_phone(tone, account=re.sub(';stunserver="[^"]*"', '', who.daemon.cli('phone', 'baresip').strip()) + server)
            who.phone.registered()
            who.registered()
        hang_up(alice, bob, call(alice, bob, 1.0))
