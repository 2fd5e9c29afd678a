#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Keys behind a passphrase and keys in a token (S2-91): real daemons in a self-signed overlay on loopback. Alice's key is in
a PKCS#11 token (softhsm2), Bob's file is encrypted."""
import os
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.environ['srcdir'] + '/tests/proxy')
from check_trust import BUILD, OVERLAY, Person, Phone, call_across_renewal, run, until  # noqa: E402
ALICE, BOB = 'alice@example.org', 'bob@example.net'
PIN, PASSPHRASE = '4711', 'a long one, with ümlaut'
URI = 'pkcs11:token=peerline;object=alice;type=private'


def say(person, words, *lines, good=True):
    """`peerline WORDS` with these lines on its standard input; what it says."""
    done = subprocess.run([BUILD + '/proxy/peerline', *words], input=''.join(line + '\n' for line in lines), capture_output=True,
                          text=True, env=person.home.environment, timeout=60, check=False)
    assert (done.returncode == 0) == good, (words, done.stdout, done.stderr)
    return done.stdout + done.stderr


class Tests:
    def __init__(self, folder):
        os.mkdir(folder + '/tokens')
        with open(folder + '/softhsm2.conf', 'w', encoding='utf-8') as f:
            f.write(f'directories.tokendir = {folder}/tokens\n')
        os.environ['SOFTHSM2_CONF'] = folder + '/softhsm2.conf'
        self.folder = folder
        self.alice, self.bob = self.people = [Person(folder, name) for name in ('alice', 'bob')]
        self.alice.home.peerline('overlay', 'create', OVERLAY, '--mode', 'self-signed', '--no-ice', '--bootstrap', f'127.0.0.1:{self.alice.port}')
        self.bob.home.peerline('overlay', 'join', self.alice.home.document(OVERLAY))

    def softhsm(self, *words):
        subprocess.run(['softhsm2-util', *words], check=True, capture_output=True, timeout=30)

    def a_key_in_a_token_makes_an_identity(self):
        pem = self.folder + '/alice.pem'
        subprocess.run(['openssl', 'genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-out', pem], check=True, capture_output=True)
        self.softhsm('--init-token', '--free', '--label', 'peerline', '--pin', PIN, '--so-pin', '0000')
        self.softhsm('--import', pem, '--token', 'peerline', '--label', 'alice', '--id', 'a1', '--pin', PIN)
        os.unlink(pem)
        create = ['identity', 'create', ALICE, '--overlay', OVERLAY, '--key', URI]
        assert 'PIN' in say(self.alice, create, '1234', good=False)
        say(self.alice, create, PIN)
        key = open(self.alice.home.identity(OVERLAY, ALICE)[0], encoding='utf-8').read()
        assert key == URI, key
        assert self.alice.ask('identity', 'list')[0]['state'] == 'locked'

    def a_key_file_is_encrypted_with_a_passphrase(self):
        self.bob.home.peerline('identity', 'create', BOB, '--overlay', OVERLAY)
        path = self.bob.home.identity(OVERLAY, BOB)[0]
        plain = open(path, encoding='utf-8').read()
        protect = ['identity', 'protect', BOB, '--overlay', OVERLAY]
        assert 'not the same' in say(self.bob, protect, PASSPHRASE, 'another', good=False)
        assert open(path, encoding='utf-8').read() == plain
        say(self.bob, protect, PASSPHRASE, PASSPHRASE)
        assert 'BEGIN ENCRYPTED PRIVATE KEY' in open(path, encoding='utf-8').read() and os.stat(path).st_mode & 0o777 == 0o600
        say(self.bob, ['identity', 'export', BOB, '--overlay', OVERLAY], 'wrong', good=False)
        assert plain in say(self.bob, ['identity', 'export', BOB, '--overlay', OVERLAY], PASSPHRASE)

    def the_daemon_waits_until_it_is_unlocked(self):
        for person, aor, secret in ((self.alice, ALICE, PIN), (self.bob, BOB, PASSPHRASE)):
            person.home.start()
            assert [p for p in person.problems() if f"locked: run 'peerline unlock {aor}'" in p] and not person.ask('status')['identities']
            assert 'unlocks no key' in say(person, ['unlock', aor], 'wrong', good=False)
            assert 'unlocks no key' in say(person, ['unlock', 'eve@example.org'], secret, good=False)
            say(person, ['unlock', aor], secret)
            assert [row['aor'] for row in person.ask('status')['identities']] == [aor] and not person.problems()
            assert secret not in person.home.said()
            person.phone = Phone(aor, person.sip).register()

    def they_call_each_other(self):
        until(lambda: (self.bob.ask('lookup', ALICE) or {}).get('result') == 'found')
        for caller, callee, whom in ((self.bob, self.alice, ALICE), (self.alice, self.bob, BOB)):
            call = caller.phone.call(whom)
            callee.phone.decline()
            assert ' 486 ' in caller.phone.final(call)

    def both_renew_in_a_call(self):
        call_across_renewal(self.alice, self.bob, (ALICE, BOB), OVERLAY, lambda who, aor: say(
            who, ['renew', aor, '--overlay', OVERLAY], PIN if who is self.alice else PASSPHRASE))
        self.bob.home.stop()
        say(self.bob, ['identity', 'protect', BOB, '--overlay', OVERLAY, '--off'], PASSPHRASE)
        self.bob.home.start()
        assert [row['aor'] for row in self.bob.ask('status')['identities']] == [BOB]

    def cases(self):
        return [self.a_key_in_a_token_makes_an_identity, self.a_key_file_is_encrypted_with_a_passphrase,
                self.the_daemon_waits_until_it_is_unlocked, self.they_call_each_other, self.both_renew_in_a_call]


if __name__ == '__main__':
    if not shutil.which('softhsm2-util'):
        print('1..0 # SKIP softhsm2-util is not here: apt install softhsm2')
        sys.exit(0)
    with tempfile.TemporaryDirectory(prefix='peerline-keys-') as base:
        sys.exit(run(Tests(base)))
