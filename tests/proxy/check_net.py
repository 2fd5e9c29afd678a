#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""`peerline net` and `peerline doctor` against STUN servers that see what a NAT would make them see."""
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading

PEERLINE = os.path.join(os.environ.get('builddir', 'build'), 'proxy', 'peerline')
COOKIE = 0x2112a442


class Server:
    """Answers on `host` with what `see` makes of the sender; None: says nothing."""

    def __init__(self, host, see):
        self.socket, self.see = socket.socket(socket.AF_INET, socket.SOCK_DGRAM), see
        self.socket.bind((host, 0))
        self.name = '{}:{}'.format(*self.socket.getsockname())
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while True:
            request, sender = self.socket.recvfrom(2048)
            if not request:
                return
            answer = self.see(request, sender)
            if answer:
                self.socket.sendto(answer, sender)

    def stop(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.sendto(b'', self.socket.getsockname())
        self.thread.join(5)
        self.socket.close()


def binding(request, host, port):
    mapped = struct.pack('>BBHI', 0, 1, port ^ COOKIE >> 16, struct.unpack('>I', socket.inet_aton(host))[0] ^ COOKIE)
    return struct.pack('>HHI', 0x0101, 12, COOKIE) + request[8:20] + struct.pack('>HH', 0x0020, 8) + mapped


def as_it_is(request, sender):
    return binding(request, *sender)


def through_nat(request, sender):
    return binding(request, '203.0.113.7', 4711)


def through_another_port(request, sender):
    return binding(request, '203.0.113.7', 4712)


def silent(request, sender):
    return None


def noise(request, sender):
    return os.urandom(40)


def foreign(request, sender):
    return binding(b'\x00' * 20, '203.0.113.7', 4711)


def peerline(home, *args):
    done = subprocess.run([PEERLINE, *args], env={**os.environ, 'PEERLINE_HOME': home, 'LC_ALL': 'C.UTF-8'}, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout, done.stderr


def measured(*seers):
    """What `peerline net` says of IPv4 with servers that see so."""
    servers = [Server(f'127.0.0.{n + 1}', see) for n, see in enumerate(seers)]
    home = tempfile.mkdtemp()
    try:
        code, out, err = peerline(home, 'overlay', 'create', 'o.example', *(f'--stun={s.name}' for s in servers))
        assert code == 0, err
        code, out, err = peerline(home, 'net', '--json')
        path = json.loads(out)['paths'][0]
        assert code == (0 if path['answered'] else 1), (code, err)
        assert path['asked'] == len(servers), path
        return path
    finally:
        shutil.rmtree(home)
        for server in servers:
            server.stop()


def kind(wanted, answered, *seers):
    path = measured(*seers)
    assert path['kind'] == wanted and path['answered'] == answered, path


def doctor_says_what_to_do():
    home = tempfile.mkdtemp()
    server = Server('127.0.0.1', as_it_is)
    try:
        code, out, err = peerline(home, 'doctor')
        assert code == 1 and 'overlay join' in out and 'no identity' in out and 'not running' in out and '3 things are wrong' in err, (out, err)
        assert peerline(home, 'overlay', 'create', 'o.example', f'--stun={server.name}')[0] == 0
        assert peerline(home, 'identity', 'create', 'alice@example.org', '--overlay', 'o.example')[0] == 0
        code, out, err = peerline(home, 'doctor', '--json')
        rows = json.loads(out)
        assert code == 1 and [r['what'] for r in rows if r['level'] == 'wrong'][0].startswith('peerlined is not running'), rows
        assert any(r['level'] == 'fine' and 'alice@example.org' in r['what'] for r in rows), rows
        assert any(r['level'] == 'fine' and r['what'].startswith('IPv4: no NAT') for r in rows), rows
        os.chmod(os.path.join(home, 'data/identities/o.example/alice@example.org.key'), 0o644)
        code, out, err = peerline(home, 'doctor')
        assert '!!  identity alice@example.org: ' in out and '2 things are wrong' in err, (out, err)
    finally:
        shutil.rmtree(home)
        server.stop()


CASES = [
    ('no NAT is seen as such', lambda: kind('open', 2, as_it_is, as_it_is)),
    ('a NAT that shows all servers one address', lambda: kind('nat', 2, through_nat, through_nat)),
    ('a NAT that takes another port for each server', lambda: kind('symmetric', 2, through_nat, through_another_port)),
    ('a NAT of a kind that one answer does not tell', lambda: kind('nat-unknown', 1, through_nat, silent)),
    ('noise and answers to other requests are no answer', lambda: kind('silent', 0, noise, foreign)),
    ('doctor says what is wrong and what to do', doctor_says_what_to_do),
]


def main():
    failed = 0
    for n, (name, case) in enumerate(CASES, 1):
        try:
            case()
            print(f'ok {n} - {name}')
        except (AssertionError, OSError, ValueError, subprocess.TimeoutExpired) as e:
            failed += 1
            print(f'# {e!r}\nnot ok {n} - {name}')
    print(f'1..{len(CASES)}')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
