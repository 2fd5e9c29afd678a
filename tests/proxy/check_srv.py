#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Where an overlay's configuration server is, by its name alone (RFC 6940 11.2, 11.3): SRV records of a
name server of our own, in a network and a file system of their own."""
import os
import socket
import struct
import subprocess
import sys
import tempfile
import threading

TOP, BUILD = os.environ['srcdir'], os.environ['builddir']
sys.dont_write_bytecode = True
sys.path[:0] = [TOP + '/tests/support', TOP + '/tests/proxy']
import check_enroll  # noqa: E402
import loopback  # noqa: E402
from cases import run as run_cases  # noqa: E402
OVERLAY, HOST = check_enroll.OVERLAY, 'host.example.net'


class Names(threading.Thread):
    """RFC 1035 and 2782, as much as is asked for: `port` is where the overlay's server is, None: no record."""

    def __init__(self):
        super().__init__(daemon=True)
        self.port, self.asked = None, set()
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(('127.0.0.1', 53))
        self.start()

    @staticmethod
    def packed(name):
        return b''.join(bytes([len(part)]) + part.encode() for part in name.split('.')) + b'\0'

    def record(self, name, kind):
        if (name, kind) == (f'_reload-config._tcp.{OVERLAY}', 33) and self.port:
            return struct.pack('!HHH', 0, 0, self.port) + self.packed(HOST)
        return b'\x7f\0\0\1' if (name, kind) == (HOST, 1) else None

    def run(self):
        while True:
            query, who = self.socket.recvfrom(512)
            parts, at = [], 12
            while query[at]:
                parts.append(query[at + 1:at + 1 + query[at]].decode().lower())
                at += 1 + query[at]
            name, kind = '.'.join(parts), struct.unpack_from('!H', query, at + 1)[0]
            self.asked.add((name, kind))
            data = self.record(name, kind)
            head = query[:2] + struct.pack('!HHHHH', 0x8580 if data or name == HOST else 0x8583, 1, 1 if data else 0, 0, 0)
            answer = b'\xc0\x0c' + struct.pack('!HHIH', kind, 1, 60, len(data)) + data if data else b''
            self.socket.sendto(head + query[12:at + 5] + answer, who)


class Tests:
    def __init__(self, folder):
        self.folder, self.names = folder, Names()

    def enroll(self, who, certificate_of):
        """What the command says, and how many mails went out, with a server that has that certificate."""
        folder = f'{self.folder}/{who}'
        os.mkdir(folder)
        mail = check_enroll.Mailbox()
        server = check_enroll.Server(folder, mail.server_address[1], name=certificate_of).start()
        self.names.port = server.port
        home = loopback.Home(BUILD, folder + '/home')
        done = subprocess.run([BUILD + '/proxy/peerline', 'enroll', f'{who}@example.org', '--overlay', OVERLAY, '--ca', server.tls + '.crt'],
                              env=home.environment, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60)
        assert server.stop() == 0
        return done.stderr, len(mail.mails)

    def the_name_alone_leads_to_the_server(self):
        """329, 330, 334: its URL has another host, but its certificate is the overlay's."""
        said, mails = self.enroll('alice', OVERLAY)
        assert 'A code is on its way' in said and mails == 1, said
        assert (f'_reload-config._tcp.{OVERLAY}', 33) in self.names.asked

    def a_server_that_is_not_the_overlays_is_refused(self):
        """330: the record names that host, but nobody signs records."""
        said, mails = self.enroll('bob', HOST)
        assert 'certificate' in said and mails == 0, said

    def without_a_record_the_name_is_the_hosts(self):
        self.names.port = None
        self.names.asked.clear()
        home = loopback.Home(BUILD, self.folder + '/carol')
        done = subprocess.run([BUILD + '/proxy/peerline', 'enroll', 'carol@example.org', '--overlay', OVERLAY], env=home.environment,
                              capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60)
        assert done.returncode == 1 and {kind for _, kind in self.names.asked} >= {33, 1}, (done.stderr, self.names.asked)

    def all(self):
        cases = [self.the_name_alone_leads_to_the_server, self.a_server_that_is_not_the_overlays_is_refused,
                 self.without_a_record_the_name_is_the_hosts]
        return run_cases(cases)


def main():
    if os.environ.get('PEERLINE_SRV') != 'inside':
        os.environ['PEERLINE_SRV'] = 'inside'
        os.environ['PATH'] = os.environ.get('PATH', '/usr/bin:/bin') + ':/usr/sbin:/sbin'
        command = ['unshare', '-nm' if os.geteuid() == 0 else '-rnm']
        if subprocess.run(command + ['true'], stderr=subprocess.DEVNULL, check=False).returncode:
            print('1..0 # SKIP no namespaces here: a chroot whose root is no mount point, or users may not have them')
            return 0
        os.execvp(command[0], command + [sys.executable, __file__])
    with tempfile.TemporaryDirectory(prefix='peerline-srv-') as base:
        with open(base + '/resolv.conf', 'w', encoding='utf-8') as f:
            f.write('nameserver 127.0.0.1\noptions timeout:1 attempts:1\n')
        subprocess.run(['ip', 'link', 'set', 'lo', 'up'], check=True)
        subprocess.run(['mount', '--bind', base + '/resolv.conf', os.path.realpath('/etc/resolv.conf')], check=True)
        try:
            return Tests(base).all()
        finally:
            subprocess.run(['umount', os.path.realpath('/etc/resolv.conf')], check=True)


if __name__ == '__main__':
    sys.exit(main())
