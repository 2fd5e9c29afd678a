#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Two enrollment servers that share one state in PostgreSQL: a cluster of this test's own, in a temporary folder, reached
by a socket there; run by root it belongs to somebody else, as PostgreSQL wants."""
import concurrent.futures
import glob
import os
import pwd
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.environ['srcdir'] + '/tests/proxy')
from check_enroll import BUILD, Mailbox, Server, csr, names, refused, until  # noqa: E402
from cases import run as run_cases  # noqa: E402
POLICY = '[policy]\ndevices=2\nmails-per-client=100000\nmails-per-address=100\n[address *@many.example.org]\ndevices=100\n'


class Cluster:
    def __init__(self, folder, programs):
        self.folder, self.programs = folder + '/postgres', programs
        os.mkdir(self.folder)
        self.user = pwd.getpwnam('nobody') if os.geteuid() == 0 else None
        if self.user:
            os.chmod(folder, 0o711)
            os.chown(self.folder, self.user.pw_uid, self.user.pw_gid)
        self.run('initdb', '-D', self.folder + '/data', '-U', 'peerline', '-A', 'trust', '--no-sync')
        self.start()
        self.run('createdb', '-h', self.folder, '-U', 'peerline', 'enroll')
        self.uri = f'postgresql://peerline@/enroll?host={self.folder}'

    def run(self, program, *args):
        become = ({'user': self.user.pw_uid, 'group': self.user.pw_gid, 'extra_groups': []} if self.user else {})
        subprocess.run([f'{self.programs}/{program}', *args], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                       cwd=self.folder, env=dict(os.environ, HOME=self.folder), timeout=100, **become)

    def start(self):
        self.run('pg_ctl', '-D', self.folder + '/data', '-w', '-l', self.folder + '/log', '-o', f"-c listen_addresses='' -k {self.folder}", 'start')

    def stop(self):
        self.run('pg_ctl', '-D', self.folder + '/data', '-w', '-m', 'immediate', 'stop')


class Tests:
    def __init__(self, folder, programs):
        self.folder, self.mail = folder, Mailbox()
        self.cluster = Cluster(folder, programs)
        conf = f'{POLICY}[server]\ndatabase={self.cluster.uri}\n'
        self.first = Server(folder, self.mail.server_address[1], conf)
        os.mkdir(folder + '/second')
        self.second = Server(folder + '/second', self.mail.server_address[1], conf)
        for name in ('ca.key', 'ca.crt', 'signer.key', 'signer.crt', 'overlay.xml'):  # one authority
            shutil.copy(f'{self.first.dir}/{name}', f'{self.second.dir}/{name}')
        self.first.start()
        self.second.start()

    def a_code_of_one_server_is_good_at_the_other_once(self):
        request = csr(self.folder, 'ann')
        refused(self.first.post('ann@example.org', request))
        code, _ = self.mail.wait('ann@example.org')
        status, _, der = self.second.post('ann@example.org', request, code)
        assert status == 200 and 'email:ann@example.org' in names(der)
        assert self.first.post('ann@example.org', request, code)[2] == der, 'a repeat gets the same one'
        assert not os.path.exists(self.first.dir + '/enroll.db')
        assert self.first.run('list') == self.second.run('list') != ''

    def tries_at_both_count_together(self):
        request = csr(self.folder, 'bea')
        refused(self.first.post('bea@example.org', request))
        code, _ = self.mail.wait('bea@example.org')
        for turn in range(5):
            refused((self.first, self.second)[turn % 2].post('bea@example.org', request, '00000-00000'))
        refused(self.second.post('bea@example.org', request, code))

    def many_at_both_lose_and_double_nothing(self):
        def enroll(i):
            who, request = f'u{i}@many.example.org', csr(self.folder, f'u{i}')
            refused((self.first, self.second)[i % 2].post(who, request))
            code, _ = self.mail.wait(who)
            with concurrent.futures.ThreadPoolExecutor(2) as pair:
                answers = list(pair.map(lambda server: server.post(who, request, code), (self.first, self.second)))
            assert [answer[0] for answer in answers] == [200, 200] and answers[0][2] == answers[1][2], 'the same from both'
        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            list(pool.map(enroll, range(12)))
        said = self.first.run('list')
        assert all(said.count(f'u{i}@many.example.org') == 1 for i in range(12)), said

    def a_database_that_dies_comes_back(self):
        request = csr(self.folder, 'cleo')
        refused(self.first.post('cleo@example.org', request))
        code, _ = self.mail.wait('cleo@example.org')
        self.cluster.stop()
        assert self.first.post('cleo@example.org', request, code)[0] == 503 or self.first.process.poll() is None
        self.cluster.start()
        answer = until(lambda: (lambda a: a[0] == 200 and a)(self.second.post('cleo@example.org', request, code)))
        assert self.first.post('cleo@example.org', request, code)[2] == answer[2]

    def revoking_reaches_both(self):
        self.first.run('revoke', 'ann@example.org')
        assert 'revoked' in self.second.run('list')

    def all(self):
        cases = [self.a_code_of_one_server_is_good_at_the_other_once, self.tries_at_both_count_together,
                 self.many_at_both_lose_and_double_nothing, self.a_database_that_dies_comes_back, self.revoking_reaches_both]
        code = run_cases(cases)
        self.first.stop()
        self.second.stop()
        self.cluster.stop()
        return code


if __name__ == '__main__':
    found = sorted(glob.glob('/usr/lib/postgresql/*/bin'))
    with open(f'{BUILD}/config.h', encoding='utf-8') as header:
        built = '#define HAVE_LIBPQ 1' in header.read()
    if not found or not built:
        print('1..0 # SKIP needs PostgreSQL and libpq: apt install postgresql libpq-dev')
        sys.exit(0)
    with tempfile.TemporaryDirectory(prefix='peerline-postgres-') as base:
        sys.exit(Tests(base, found[-1]).all())
