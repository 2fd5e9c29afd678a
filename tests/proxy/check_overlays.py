#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Two people who are each in two overlays with one address, by two issuers (S0-13): real daemons on loopback, with phones
that are a socket each. Each of them trusts another overlay more."""
import os
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.environ['srcdir'] + '/tests/proxy')
from check_trust import OFFER, Person, run, until  # noqa: E402
ALICE, BOB = 'alice@example.org', 'bob@example.net'
OVERLAYS = ('home.example', 'work.example')


class Tests:
    def __init__(self, folder):
        self.alice, self.bob = self.people = [Person(folder, name) for name in ('alice', 'bob')]
        for person, aor, overlay, other in zip(self.people, (ALICE, BOB), OVERLAYS, reversed(OVERLAYS)):
            with open(person.home.home + '/config/peerline.conf', 'a', encoding='utf-8') as f:
                f.write(f'[overlay]\norder={overlay};{other}\n')
            person.home.peerline('overlay', 'create', overlay, '--no-ice', '--bootstrap', f'127.0.0.1:{person.port}')
            person.home.peerline('identity', 'create', aor, '--overlay', overlay)
        self.alice.home.admit(self.bob.home, OVERLAYS[0], BOB)
        self.bob.home.admit(self.alice.home, OVERLAYS[1], ALICE)

    def status_shows_who_certified_what_in_the_order_of_the_user(self):
        for person, aor in zip(self.people, (ALICE, BOB)):
            person.start(aor)
        for person, order in ((self.alice, OVERLAYS), (self.bob, OVERLAYS[::-1])):
            until(lambda p=person: p.ask('status')['state'] == 'ready')
            rows = person.ask('status')['identities']
            assert [row['overlay'] for row in rows] == list(order), rows
            assert all(row['overlay'] in row['issuer'] for row in rows), rows
            until(lambda p=person: all(row['registered'] for row in p.ask('status')['identities']))

    def all_overlays_are_asked_and_the_first_is_believed(self):
        for person, whom, order in ((self.alice, BOB, OVERLAYS), (self.bob, ALICE, OVERLAYS[::-1])):
            until(lambda p=person, w=whom: all(row['result'] == 'found' for row in p.ask('lookup', w)['overlays'][:1]))
            said = person.ask('lookup', whom)
            assert said['overlay'] == order[0] and [row['overlay'] for row in said['overlays']] == list(order), said

    def a_call_runs_in_the_overlay_that_the_caller_trusts_more(self):
        for caller, callee, whom, overlay in ((self.alice, self.bob, BOB, OVERLAYS[0]), (self.bob, self.alice, ALICE, OVERLAYS[1])):
            call = caller.phone.call(whom)
            assert f'From: <sip:{BOB if whom == ALICE else ALICE}>' in callee.phone.decline()
            assert ' 486 ' in caller.phone.final(call)
            for person in (caller, callee):
                links = [row['overlay'] for row in person.ask('peers') if row['role'] == 'sip']
                assert set(links) == set(OVERLAYS[:1 if overlay == OVERLAYS[0] else 2]), links
            calls = [row for row in callee.ask('calls') if row['to'] == whom]
            assert [row['overlay'] for row in calls] == [overlay], calls

    def a_call_outlives_a_certificate_and_asks_its_own_issuer(self):
        expires = {row['overlay']: row['expires'] for row in self.alice.ask('status')['identities']}
        call = self.alice.phone.call(BOB)
        self.bob.phone.answer('INVITE', '200 OK', OFFER, call=call)
        dialog = self.alice.phone.established(call)
        until(lambda: self.alice.home.peerline('renew', ALICE, '--overlay', OVERLAYS[0], check=False))
        after = until(lambda: {row['overlay']: row['expires'] for row in self.alice.ask('status')['identities']
                               if self.alice.ask('status')['identities'][0]['expires'] > expires[OVERLAYS[0]]})
        assert after[OVERLAYS[1]] == expires[OVERLAYS[1]], after
        bye = self.alice.phone.follow('BYE', dialog)
        self.bob.phone.answer('BYE', '200 OK', call=bye)
        assert ' 200 ' in self.alice.phone.final(bye)

    def an_overlay_that_is_left_is_asked_no_more(self):
        for path in self.bob.home.identity(OVERLAYS[1], BOB):
            os.unlink(path)
        self.bob.home.peerline('redirect', BOB, 'off')  # tells the daemon
        until(lambda: [row['overlay'] for row in self.bob.ask('status')['identities']] == [OVERLAYS[0]])
        call = self.bob.phone.call(ALICE)
        assert BOB in self.alice.phone.decline()
        assert ' 486 ' in self.bob.phone.final(call)
        assert {row['overlay'] for row in self.bob.ask('peers')} == {OVERLAYS[0]}

    def cases(self):
        return [self.status_shows_who_certified_what_in_the_order_of_the_user, self.all_overlays_are_asked_and_the_first_is_believed,
                self.a_call_runs_in_the_overlay_that_the_caller_trusts_more,
                self.a_call_outlives_a_certificate_and_asks_its_own_issuer, self.an_overlay_that_is_left_is_asked_no_more]


if __name__ == '__main__':
    with tempfile.TemporaryDirectory(prefix='peerline-overlays-') as base:
        sys.exit(run(Tests(base)))
