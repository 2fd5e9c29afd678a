#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Enrollment by e-mail (RFC 6940 11.3; S0-11, S0-14, S2-01, S2-32, S2-33): a real server, a real mail
server, the real command line, all on loopback."""
import concurrent.futures
import email
import http.client
import os
import random
import re
import signal
import socket
import socketserver
import ssl
import subprocess
import sys
import tempfile
import threading
import time

TOP, BUILD = os.environ['srcdir'], os.environ['builddir']
sys.dont_write_bytecode = True
sys.path.insert(0, TOP + '/tests/support')
import loopback  # noqa: E402
from cases import run as run_cases  # noqa: E402
OVERLAY = 'mail.example.org'


class Smtp(socketserver.StreamRequestHandler):
    """As much of RFC 5321 as a mail takes."""

    def handle(self):
        self.wfile.write(b'220 test\r\n')
        to = None
        while line := self.rfile.readline():
            word = line[:4].upper()
            if word == b'RCPT':
                to = re.search(rb'<(.*?)>', line).group(1).decode()
            if word == b'QUIT':
                self.wfile.write(b'221 bye\r\n')
                return
            if word != b'DATA':
                self.wfile.write(b'250 ok\r\n')
                continue
            self.wfile.write(b'354 go\r\n')
            text = b''
            while (line := self.rfile.readline()) != b'.\r\n':
                text += line
            with self.server.changed:
                self.server.mails.append((to, text.decode()))
                self.server.changed.notify_all()
            self.wfile.write(b'250 taken\r\n')


class Mailbox(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def __init__(self):
        super().__init__(('127.0.0.1', 0), Smtp)
        self.mails, self.changed = [], threading.Condition()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def of(self, who):
        return [text for to, text in self.mails if to == who]

    def wait(self, who, count=1):
        """Code and link of the mail number `count` to `who`."""
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.of(who)) >= count, 10), f'no mail for {who}'
        body = email.message_from_string(self.of(who)[count - 1]).get_payload()
        return re.search(r'^    (\w{5}-\w{5})\s*$', body, re.M).group(1), re.search(r'link=(\w+)', body).group(1)


class Server:
    def __init__(self, folder, smtp, policy='', name='localhost'):
        self.dir, self.tls = folder + '/server', folder + '/tls'
        self.port, self.process = loopback.free_ports(1)[0], None
        subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2',
                        '-subj', f'/CN={name}', '-addext', f'subjectAltName=DNS:{name}', '-keyout', self.tls + '.key', '-out',
                        self.tls + '.crt'], check=True, capture_output=True)
        self.url = f'https://localhost:{self.port}'
        self.run('init', '--overlay', OVERLAY, '--bootstrap', f'127.0.0.1:{loopback.free_ports(1)[0]}', '--url', self.url,
                 '--smtp', f'smtp://127.0.0.1:{smtp}', '--from', 'peerline@mail.example.org', '--listen', f'127.0.0.1:{self.port}',
                 '--certificate', self.tls + '.crt', '--key', self.tls + '.key')
        with open(self.dir + '/enroll.conf', 'a', encoding='utf-8') as f:
            f.write(policy)
        self.trust = ssl.create_default_context(cafile=self.tls + '.crt')

    def run(self, *args, check=True):
        done = subprocess.run([BUILD + '/proxy/peerline-enroll', '--dir', self.dir, *args], capture_output=True, text=True, timeout=60)
        if check and done.returncode:
            raise AssertionError(f'peerline-enroll {args}: {done.stderr}')
        return done.stdout

    def start(self):
        self.process = subprocess.Popen([BUILD + '/proxy/peerline-enroll', '--dir', self.dir, 'serve'], stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline().startswith('serving')
        return self

    def stop(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        code = self.process.wait(10)
        self.process.stdout.close()
        return code

    def set_lifetime(self, text, running=True):
        if running:
            self.stop()
        with open(self.dir + '/enroll.conf', encoding='utf-8') as f:
            lines = [line for line in f if not line.startswith('lifetime') or '10d' in line]
        with open(self.dir + '/enroll.conf', 'w', encoding='utf-8') as f:
            f.write(''.join(lines).replace('[policy]\n', f'[policy]\nlifetime={text}\n', 1))
        if running:
            self.start()

    def http(self, method, path, body=None, headers=None):
        link = http.client.HTTPSConnection('localhost', self.port, timeout=20, context=self.trust)
        try:
            link.request(method, path, body, headers or {})
            answer = link.getresponse()
            return answer.status, answer.getheader('Content-Type'), answer.read()
        finally:
            link.close()

    def post(self, user, csr, password=None, nodeids=None):
        """RFC 6940 11.3, by hand: what any client sends."""
        parts = [('username', None, user.encode()), ('csr', 'application/pkcs10', csr)]
        parts += [(name, None, value.encode()) for name, value in (('password', password), ('nodeids', nodeids)) if value is not None]
        body = b''
        for name, kind, value in parts:
            body += f'--XX\r\nContent-Disposition: form-data; name="{name}"\r\n'.encode()
            body += (f'Content-Type: {kind}\r\n' if kind else '').encode() + b'\r\n' + value + b'\r\n'
        return self.http('POST', '/enroll', body + b'--XX--\r\n',
                         {'Content-Type': 'multipart/form-data; boundary=XX', 'Accept': 'application/pkix-cert'})


def csr(folder, name):
    """A request of OpenSSL's, DER, that names nobody: the key alone counts."""
    key = f'{folder}/{name}.key'
    subprocess.run(['openssl', 'ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', key], check=True, capture_output=True)
    return subprocess.run(['openssl', 'req', '-new', '-key', key, '-subj', '/', '-outform', 'DER'], check=True, capture_output=True).stdout


def names(der):
    return subprocess.run(['openssl', 'x509', '-inform', 'DER', '-noout', '-ext', 'subjectAltName'], input=der, check=True,
                          capture_output=True).stdout.decode()


def until(what, seconds=20):
    """Its first value that is true."""
    end = time.monotonic() + seconds
    while not (value := what()):
        assert time.monotonic() < end, 'it does not happen'
        time.sleep(0.1)
    return value


def refused(answer, token='failed_authentication'):
    assert answer[0] == 403 and answer[1] == 'text/plain' and answer[2].decode() == token, answer


def wrong(code):
    return code[:-1] + ('0' if code[-1] != '0' else '1')


# More of them by hand: PEERLINE_ENROLL_KILLS=100 PEERLINE_ENROLLMENTS=1000 make check TESTS=tests/proxy/check_enroll.py
KILLS, ENROLLMENTS = int(os.environ.get('PEERLINE_ENROLL_KILLS', 3)), int(os.environ.get('PEERLINE_ENROLLMENTS', 20))
POLICY = """
[policy]
deny=*@denied.example.org
devices=2
mails-per-address=2
mails-per-client=100000
hook=%s/hook
[address *@many.example.org]
devices=20
node-ids=3
lifetime=10d
"""


class Tests:
    def __init__(self, folder):
        self.folder, self.mail = folder, Mailbox()
        with open(os.open(folder + '/hook', os.O_WRONLY | os.O_CREAT, 0o700), 'w', encoding='utf-8') as f:
            f.write('#!/bin/sh\ncase "$1" in stranger@*) exit 1;; slow@*) sleep 30;; esac\n[ "$2" = 127.0.0.1 ] && [ ${#3} = 64 ]\n')
        self.server = Server(folder, self.mail.server_address[1], POLICY % folder).start()

    def from_the_address_to_a_running_daemon(self):  # S1-19, S2-81
        """S0-03, S0-11, S0-14, S2-33: the code of the mail makes an identity that a daemon runs with."""
        home = loopback.Home(BUILD, self.folder + '/alice')
        command = [BUILD + '/proxy/peerline', 'enroll', 'alice@example.org', '--overlay', self.server.url]
        bad = subprocess.run(command, env=home.environment, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60)
        assert bad.returncode == 1 and 'certificate' in bad.stderr, bad.stderr
        ours = subprocess.Popen(command + ['--ca', self.server.tls + '.crt'], env=home.environment, stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        code, _ = self.mail.wait('alice@example.org')
        said, errors = ours.communicate(f'{wrong(code)}\n{code.lower()}\n', 30)
        assert ours.returncode == 0 and 'alice@example.org' in said and 'Not this one' in errors, (said, errors)
        before = open(home.identity(OVERLAY, 'alice@example.org')[1], encoding='utf-8').read()
        home.peerline('enroll', 'alice@example.org', '--overlay', self.server.url, '--ca', self.server.tls + '.crt')
        assert open(home.identity(OVERLAY, 'alice@example.org')[1], encoding='utf-8').read() == before
        home.configure(*loopback.free_ports(2))
        home.start()
        home.stop()
        assert not os.path.exists(self.server.dir + '/alice.key') and 'alice@example.org' in self.server.run('list')

    def setup_takes_one_command_and_the_code(self):
        """With the daemon, the phone and the call these are four."""
        home, other = (loopback.Home(BUILD, f'{self.folder}/{name}') for name in ('frida', 'gustav'))
        home.configure(*loopback.free_ports(2))
        home.start()
        ours = subprocess.Popen([BUILD + '/proxy/peerline', 'setup', '--join', self.server.url, '--ca', self.server.tls + '.crt', '--wait', '1'],
                                env=home.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        ours.stdin.write('Frida@Example.org\n')
        ours.stdin.flush()
        said, errors = ours.communicate(self.mail.wait('frida@example.org')[0] + '\n4\n', 40)
        assert ours.returncode == 0 and 'frida@example.org' in said and 'Compare' not in said, (said, errors)
        home.stop()
        link = home.peerline('invite').splitlines()[0]
        assert 'at=https%3A%2F%2F' in link and 'document=' not in link, link
        other.peerline('overlay', 'join', link, '--ca', self.server.tls + '.crt')
        assert other.ask('overlay', 'list')[0]['name'] == OVERLAY

    def a_running_daemon_renews_its_certificate(self):
        """11.3: with the old key, under the same Node-ID; what fails is in the status."""
        home = loopback.Home(BUILD, self.folder + '/ivo')
        home.configure(*loopback.free_ports(2))
        self.server.set_lifetime('15m')
        ours = subprocess.Popen([BUILD + '/proxy/peerline', 'enroll', 'ivo@example.org', '--overlay', self.server.url, '--ca', self.server.tls + '.crt'],
                                env=home.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        ours.communicate(self.mail.wait('ivo@example.org')[0] + '\n', 30)
        before = home.ask('identity', 'list')[0]
        self.server.stop()
        home.start()
        told = until(lambda: [p for p in home.ask('status')['problems'] if 'could not be renewed' in p])
        assert 'ivo@example.org' in told[0] and 'expires at' in told[0], told
        home.stop()
        self.server.set_lifetime('90d', running=False)
        self.server.start()
        home.start()
        pid = home.process.pid
        after = until(lambda: [i for i in home.ask('status')['identities'] if i['expires'] > before['expires'] + 80 * 86400])[0]
        assert after['node'] == before['node'] and home.process.poll() is None and home.process.pid == pid
        assert not home.ask('status')['problems'], home.ask('status')
        home.stop()

    def any_client_of_the_rfc_gets_one(self):  # S2-01, S2-31
        """11.3: the answer is one DER certificate with one random Node-ID and exactly that address."""
        request = csr(self.folder, 'bob')
        assert self.server.http('GET', '/.well-known/reload-config')[:2] == (200, 'application/p2p-overlay+xml')  # 326
        refused(self.server.post('bob@example.org', request))
        code, _ = self.mail.wait('bob@example.org')
        refused(self.server.post('bob@example.org', csr(self.folder, 'mallory'), code))
        status, kind, der = self.server.post('bob@example.org', request, code)
        assert (status, kind) == (200, 'application/pkix-cert')
        text = names(der)
        assert text.count('reload://') == 1 and text.count('email:') == 1 and 'email:bob@example.org' in text and 'critical' in text, text
        assert self.server.post('bob@example.org', request, code)[2] == der, 'a repeat gets the same one'
        refused(self.server.post('bob@example.org', csr(self.folder, 'thief'), code))

    def the_fifth_wrong_try_ends_a_code(self):
        """S0-14, S2-01."""
        request = csr(self.folder, 'carol')
        self.server.post('carol@example.org', request)
        code, _ = self.mail.wait('carol@example.org')
        for _ in range(5):
            refused(self.server.post('carol@example.org', request, wrong(code)))
        refused(self.server.post('carol@example.org', request, code))

    def only_the_button_confirms_a_link(self):
        request = csr(self.folder, 'dora')
        self.server.post('dora@example.org', request)
        link = '/confirm?link=' + self.mail.wait('dora@example.org')[1]
        assert b'dora@example.org' in self.server.http('GET', link)[2]
        refused(self.server.post('dora@example.org', request))
        assert b'Confirmed' in self.server.http('POST', link)[2]
        assert self.server.post('dora@example.org', request)[0] == 200
        assert b'used or too old' in self.server.http('POST', link)[2]

    def each_error_has_the_name_of_the_rfc(self):
        """Checklist 338-340; failed_authentication is everywhere here."""
        request = csr(self.folder, 'eve')
        refused(self.server.post('eve@denied.example.org', request), 'username_not_available')
        refused(self.server.post('eve\0@example.org', request), 'username_not_available')
        refused(self.server.post('nobody', request), 'username_not_available')
        refused(self.server.post('eve@example.org', request, nodeids='3'), 'Node-IDs_not_available')
        refused(self.server.post('eve@example.org', request[:-9]), 'bad_CSR')
        refused(self.server.post('eve@example.org', b''), 'bad_CSR')
        assert not self.mail.of('eve@example.org')
        large = self.server.http('POST', '/enroll', b'x' * 70000)
        assert large[0] == 413, large

    def an_address_has_so_many_devices_and_mails(self):  # S1-48, S2-27
        """S2-32, S2-63, S2-88: the third device is refused; nobody's mailbox is filled."""
        requests = [csr(self.folder, f'fay{i}') for i in range(3)]
        for i, request in enumerate(requests[:2]):
            refused(self.server.post('fay@example.org', request))
            code, _ = self.mail.wait('fay@example.org', i + 1)
            assert self.server.post('fay@example.org', request, code)[0] == 200
        for _ in range(3):
            refused(self.server.post('fay@example.org', requests[2]))
        self.server.post('gus@example.org', csr(self.folder, 'gus'))
        self.mail.wait('gus@example.org')
        assert len(self.mail.of('fay@example.org')) == 2

    def another_program_may_refuse_somebody(self):
        """S2-89: asked each time, before a mail goes out; one that does not answer refuses."""
        refused(self.server.post('stranger@example.org', csr(self.folder, 'stranger')), 'username_not_available')
        refused(self.server.post('slow@example.org', csr(self.folder, 'slow')), 'username_not_available')
        assert not self.mail.of('stranger@example.org') and not self.mail.of('slow@example.org')

    def the_policy_says_what_an_address_gets(self):
        """S2-88: Node-IDs, devices and lifetime by pattern."""
        request, who = csr(self.folder, 'jo'), 'jo@many.example.org'
        refused(self.server.post(who, request, nodeids='4'), 'Node-IDs_not_available')
        refused(self.server.post(who, request, nodeids='3'))
        der = self.server.post(who, request, self.mail.wait(who)[0], nodeids='3')[2]
        assert names(der).count('reload://') == 3, names(der)
        shown = self.server.run('show', who)
        assert shown.count('node ') == 3 and 'state    valid' in shown, shown
        stats = dict(line.split() for line in self.server.run('stats').splitlines())
        assert int(stats['valid']) >= 1 and int(stats['keys']) >= int(stats['addresses']), stats
        end = subprocess.run(['openssl', 'x509', '-inform', 'DER', '-noout', '-checkend', str(11 * 86400)], input=der, capture_output=True)
        assert end.returncode == 1, 'it is good for longer than the policy says'
        self.server.run('revoke', who)
        document = self.server.http('GET', '/.well-known/reload-config')[2].decode()
        assert all(f'<bad-node>{node}</bad-node>' in document for node in re.findall(r'reload://0110(\w{32})@', names(der)))

    def connections_that_say_nothing_are_closed(self):
        """S2-32."""
        self.server.stop()
        with open(self.server.dir + '/enroll.conf', encoding='utf-8') as f:
            text = f.read()
        with open(self.server.dir + '/enroll.conf', 'w', encoding='utf-8') as f:
            f.write(text.replace('[server]', '[server]\nidle-seconds=1', 1))
        self.server.start()
        bare = socket.create_connection(('127.0.0.1', self.server.port), 10)
        kept = self.server.trust.wrap_socket(socket.create_connection(('127.0.0.1', self.server.port), 10), server_hostname='localhost')
        kept.sendall(b'GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n')
        said = kept.recv(65536)
        assert b'404' in said, said
        for link in (bare, kept):
            began = time.monotonic()
            try:
                while link.recv(65536):
                    pass
            except OSError:
                pass
            assert time.monotonic() - began < 8, 'it stays open'
            link.close()

    def twenty_clients_enroll_at_once(self):
        who = [(f'c{i}@example.org', csr(self.folder, f'c{i}')) for i in range(ENROLLMENTS)]
        began = time.monotonic()

        def enroll(pair):
            refused(self.server.post(*pair))
            return self.server.post(*pair, self.mail.wait(pair[0])[0])[2]
        with concurrent.futures.ThreadPoolExecutor(20) as pool:
            certificates = list(pool.map(enroll, who))
        print(f'# {ENROLLMENTS} enrollments in {time.monotonic() - began:.1f} s', flush=True)
        nodes = {re.search(r'reload://0110(\w{32})@', names(der)).group(1) for der in certificates}
        listed = self.server.run('list')
        assert len(nodes) == ENROLLMENTS and all(listed.count(f' {user} ') == 1 for user, _ in who), listed

    def who_is_revoked_stays_out(self):  # S2-90, S2-104, S2-105
        """The document names the node, and its key gets no certificate any more."""
        request = csr(self.folder, 'hal')
        self.server.post('hal@example.org', request)
        der = self.server.post('hal@example.org', request, self.mail.wait('hal@example.org')[0])[2]
        node = re.search(r'reload://0110(\w{32})@', names(der)).group(1)
        self.server.run('revoke', 'hal@example.org')
        document = self.server.http('GET', '/.well-known/reload-config')[2].decode()
        assert f'<bad-node>{node}</bad-node>' in document and 'sequence="' in document
        refused(self.server.post('hal@example.org', request))

    def a_killed_server_neither_loses_nor_doubles(self):
        """Killed while 8 clients are served: each gets in the end what was recorded for it, once."""
        who = [(f'k{i}@example.org', csr(self.folder, f'k{i}')) for i in range(8)]
        for user, request in who:
            self.server.post(user, request)
        codes = {user: self.mail.wait(user)[0] for user, _ in who}
        got, killed = {}, threading.Event()

        def client(user, request):
            for _ in range(100000):
                try:
                    status, _, der = self.server.post(user, request, codes[user])
                except (OSError, http.client.HTTPException):
                    time.sleep(0.02)
                    continue
                assert status == 200, der
                got.setdefault(user, []).append(der)
                if killed.is_set() and len(got[user]) >= 6:
                    return
        threads = [threading.Thread(target=client, args=pair) for pair in who]
        for thread in threads:
            thread.start()
        for _ in range(KILLS):
            time.sleep(random.uniform(0.02, 0.12))
            self.server.stop(signal.SIGKILL)
            self.server.start()
        killed.set()
        for thread in threads:
            thread.join(60)
        assert all(len(got[user]) >= 6 and len(set(got[user])) == 1 for user, _ in who), got
        listed = self.server.run('list')
        assert all(listed.count(f' {user} ') == 1 for user, _ in who), listed
        assert self.server.stop() == 0

    def all(self):
        cases = [self.from_the_address_to_a_running_daemon, self.setup_takes_one_command_and_the_code, self.a_running_daemon_renews_its_certificate, self.any_client_of_the_rfc_gets_one, self.the_fifth_wrong_try_ends_a_code,
                 self.only_the_button_confirms_a_link, self.each_error_has_the_name_of_the_rfc,
                 self.an_address_has_so_many_devices_and_mails, self.another_program_may_refuse_somebody,
                 self.the_policy_says_what_an_address_gets, self.connections_that_say_nothing_are_closed, self.twenty_clients_enroll_at_once, self.who_is_revoked_stays_out, self.a_killed_server_neither_loses_nor_doubles]
        code = run_cases(cases)
        if self.server.process.poll() is None:
            self.server.stop()
        return code


if __name__ == '__main__':
    with tempfile.TemporaryDirectory(prefix='peerline-enroll-') as base:
        sys.exit(Tests(base).all())
