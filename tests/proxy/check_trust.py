#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""People whom nobody certifies (RFC 6940 11.3.1; S1-17, S2-86, S3-22): real daemons in a self-signed overlay on
loopback, with phones that are a socket each. Whoever is met first under a name stays it."""
import os
import re
import socket
import sys
import tempfile
import time

TOP, BUILD = os.environ['srcdir'], os.environ['builddir']
sys.dont_write_bytecode = True
sys.path.insert(0, TOP + '/tests/support')
import loopback  # noqa: E402
from cases import run as run_cases  # noqa: E402
OVERLAY = 'friends.example'
OFFER = open(TOP + '/tests/data/sdp/flat-dtls-ice-baresip+baresip-caller-1-from-ua-INVITE.sip', encoding='utf-8').read().replace('\r\n', '\n').split('\n\n', 1)[1].strip().replace('\n', '\r\n') + '\r\n'


class Phone:
    """A socket that speaks as much SIP as a call that is declined."""

    def __init__(self, aor, port):
        self.aor, self.proxy, self.count = aor, ('127.0.0.1', port), 0
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(('127.0.0.1', 0))
        self.port = self.socket.getsockname()[1]

    def send(self, method, target, to, body='', more=''):
        self.count += 1
        call = f'{method}-{self.port}-{self.count}'
        text = (f'{method} {target} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{self.port};branch=z9hG4bK{call};rport\r\nMax-Forwards: 70\r\n'
                f'From: <sip:{self.aor}>;tag=t{self.count}\r\nTo: <sip:{to}>\r\nCall-ID: {call}\r\nCSeq: {self.count} {method}\r\n'
                f'Contact: <sip:x@127.0.0.1:{self.port}>\r\n{more}Content-Length: {len(body)}\r\n\r\n{body}')
        self.socket.sendto(text.encode(), self.proxy)
        return call

    def receive(self, until):
        self.socket.settimeout(max(until - time.monotonic(), 0.01))
        return self.socket.recv(65536).decode(errors='replace')

    def final(self, call, seconds=20):
        """Status line of the answer to it."""
        end = time.monotonic() + seconds
        while True:
            text = self.receive(end)
            if text.startswith('SIP/2.0 ') and not text.startswith('SIP/2.0 1') and call in text:
                return text.split('\r\n', 1)[0]

    def register(self):
        said = self.final(self.send('REGISTER', f'sip:{self.aor.split("@")[1]}', self.aor, more='Expires: 600\r\n'))
        assert ' 200 ' in said, said
        return self

    def answer(self, method, status, body='', seconds=20, call=''):
        """The From of a request that comes, in this call if one is named, which is answered so."""
        end = time.monotonic() + seconds
        while True:
            text = self.receive(end)
            if not text.startswith(method + ' ') or call not in text:
                continue
            self.last = text
            kept = [line for line in text.split('\r\n\r\n')[0].split('\r\n') if re.match(r'(?i)(via|from|to|call-id|cseq|record-route):', line)]
            answer = ['SIP/2.0 ' + status] + [line + ';tag=b' if line.lower().startswith('to:') and ';tag=' not in line else line for line in kept]
            more = f'Contact: <sip:x@127.0.0.1:{self.port}>\r\nContent-Type: application/sdp\r\n' if body else ''
            self.socket.sendto(('\r\n'.join(answer) + f'\r\n{more}Content-Length: {len(body)}\r\n\r\n{body}').encode(), self.proxy)
            return next(line for line in kept if line.lower().startswith('from:'))

    def ring(self, call, seconds=20):
        """The INVITE of that call, which is answered as busy."""
        self.answer('INVITE', '486 Busy Here', seconds=seconds, call=call)
        return self.last

    def decline(self, seconds=20):
        return self.answer('INVITE', '486 Busy Here', seconds=seconds)

    def established(self, call):
        """The 2xx of a call of ours, acknowledged: what follow() needs."""
        end = time.monotonic() + 20
        while not (text := self.receive(end)).startswith('SIP/2.0 200') or call not in text:
            assert call not in text or not re.match(r'SIP/2.0 [3-6]', text), text
        self.follow('ACK', text)
        return text

    def follow(self, method, answer):
        """A request in the dialog that `answer` made."""
        lines = answer.split('\r\n\r\n')[0].split('\r\n')
        first = {name: next(line.split(':', 1)[1].strip() for line in lines if line.lower().startswith(name + ':')) for name in ('from', 'to', 'call-id', 'cseq', 'contact')}
        routes = [f'Route: {line.split(":", 1)[1].strip()}\r\n' for line in lines if line.lower().startswith('record-route:')][::-1]
        count = int(first['cseq'].split()[0]) + (method != 'ACK')
        target = first['contact'].split('>')[0].lstrip('<')
        text = (f'{method} {target} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{self.port};branch=z9hG4bK{method}{first["call-id"]};rport\r\nMax-Forwards: 70\r\n'
                f'{"".join(routes)}From: {first["from"]}\r\nTo: {first["to"]}\r\nCall-ID: {first["call-id"]}\r\nCSeq: {count} {method}\r\nContent-Length: 0\r\n\r\n')
        self.socket.sendto(text.encode(), self.proxy)
        return first['call-id']

    def call(self, whom):
        return self.send('INVITE', f'sip:{whom}', whom, OFFER, 'Content-Type: application/sdp\r\n')


class Person:
    def __init__(self, folder, name, role='peer'):
        self.home = loopback.Home(BUILD, f'{folder}/{name}')
        self.sip, self.port = loopback.free_ports(2)
        self.home.configure(self.sip, self.port, role)

    def start(self, aor):
        self.home.start()
        self.phone = Phone(aor, self.sip).register()
        return self

    def ask(self, *args):
        return self.home.ask(*args)

    def problems(self):
        return self.ask('status')['problems']


def until(what, seconds=20):
    """Its first value that is true."""
    end = time.monotonic() + seconds
    while not (value := what()):
        assert time.monotonic() < end, 'it does not happen'
        time.sleep(0.1)
    return value


def call_across_renewal(caller, callee, aors, overlay, renew=None):
    """A call goes on while both sides renew their certificates (RFC 6940 11.3), over the link it began with."""
    def link():
        return [row['since'] for row in caller.ask('peers') if row['role'] == 'sip' and row['aor'] == aors[1]]

    def expiry(who):
        return next(row['expires'] for row in who.ask('status')['identities'] if row['overlay'] == overlay)
    call = caller.phone.call(aors[1])
    callee.phone.answer('INVITE', '200 OK', OFFER, call=call)
    dialog = caller.phone.established(call)
    before = link()
    for who, aor in zip((caller, callee), aors):
        expires = expiry(who)
        if renew:
            time.sleep(1.1 if who is caller else 0)  # certificates count in seconds
            renew(who, aor)
        else:
            until(lambda w=who, a=aor: w.home.peerline('renew', a, '--overlay', overlay, check=False))
        until(lambda w=who, e=expires: expiry(w) > e)
        assert not who.problems(), who.problems()
    after = link()
    assert before and all(any(abs(row - other) < 1000 for other in after) for row in before), (before, after)  # wall time is reckoned each time
    call = caller.phone.follow('BYE', dialog)
    callee.phone.answer('BYE', '200 OK', call=call)
    assert ' 200 ' in caller.phone.final(call)
    call = callee.phone.call(aors[0])
    caller.phone.decline()
    assert ' 486 ' in callee.phone.final(call)


class Tests:
    def __init__(self, folder):
        self.folder = folder
        self.alice, self.bob, self.eve, self.tablet = (Person(folder, name) for name in ('alice', 'bob', 'eve', 'tablet'))
        self.people = [self.alice, self.bob, self.eve, self.tablet]
        created = self.alice.home.peerline('overlay', 'create', OVERLAY, '--mode', 'self-signed', '--no-ice', '--bootstrap', f'127.0.0.1:{self.alice.port}')
        self.fingerprint = re.search(r'([0-9A-F]{2}:){15}[0-9A-F]{2}', created).group(0)
        self.alice.home.peerline('identity', 'create', 'alice@example.org', '--overlay', OVERLAY)

    def join(self, person, aor, *more):
        said = person.home.peerline('overlay', 'join', self.alice.home.document(OVERLAY))
        assert self.fingerprint in said, said
        person.home.peerline('identity', 'create', aor, '--overlay', OVERLAY, *more)

    def found(self, who, whom, count=1):
        """So many devices are registered and answer: on a busy machine a ring takes a moment to close where somebody left."""
        until(lambda: len((who.ask('lookup', whom) or {}).get('nodes', [])) == count)
        until(lambda: sum(not row['error'] for row in who.ask('ping', whom) or []) >= count)

    def two_people_without_an_authority_call_each_other(self):  # S2-86
        self.join(self.bob, 'bob@example.net')
        for person, aor in ((self.alice, 'alice@example.org'), (self.bob, 'bob@example.net')):
            person.start(aor)
        self.found(self.alice, 'bob@example.net')
        call = self.alice.phone.call('bob@example.net')
        assert 'alice@example.org' in self.bob.phone.decline()
        assert ' 486 ' in self.alice.phone.final(call)
        self.found(self.bob, 'alice@example.org')
        call = self.bob.phone.call('alice@example.org')
        assert 'bob@example.net' in self.alice.phone.decline()
        assert ' 486 ' in self.bob.phone.final(call)
        pins = [self.alice.ask('trust', 'show', 'bob@example.net'), self.bob.ask('trust', 'show', 'alice@example.org')]
        assert [pin['how'] for pin in pins] == ['first call to them', 'first call from them'], pins
        assert not self.alice.problems() and not self.bob.problems()

    def a_call_outlives_the_certificates_it_began_with(self):
        call_across_renewal(self.alice, self.bob, ('alice@example.org', 'bob@example.net'), OVERLAY)

    def a_second_identity_has_nothing_in_common_with_the_first(self):  # S0-17
        """But the machine's address, and what a phone writes into Via and SDP."""
        ghost = 'ghost@example.org'
        self.bob.home.peerline('identity', 'create', ghost, '--overlay', OVERLAY, '--incognito')
        rows = until(lambda: (lambda r: len(r) == 2 and all(i['node'] for i in r) and r)(self.bob.ask('status')['identities']))
        assert {row['aor']: row['incognito'] for row in rows} == {'bob@example.net': False, ghost: True}
        assert len({row['node'] for row in rows}) == 2
        phone = Phone(ghost, self.bob.sip).register()
        self.found(self.alice, ghost)
        for who, aor, named in ((phone, ghost, False), (self.bob.phone, 'bob@example.net', True)):
            call = who.send('INVITE', 'sip:alice@example.org', 'alice@example.org', OFFER, 'User-Agent: rare phone 1.0\r\nContent-Type: application/sdp\r\n')
            text = self.alice.phone.ring(call)
            assert ('rare phone' in text) == named and aor in text and f'x@127.0.0.1:{who.port}' not in text, text
            assert ' 486 ' in who.final(call)
        links = {row['aor']: row for row in self.alice.ask('peers') if row['role'] == 'sip'}
        assert links[ghost]['node'] != links['bob@example.net']['node'] and links[ghost]['path'] != links['bob@example.net']['path'], links
        # a question in nobody's name is not asked in its name
        assert len(self.bob.ask('lookup', 'alice@example.org')['overlays']) == 1
        for path in self.bob.home.identity(OVERLAY, ghost):
            os.unlink(path)
        self.bob.home.peerline('redirect', 'bob@example.net', 'off')
        self.alice.home.peerline('trust', 'forget', ghost)

    def another_device_with_the_same_key_is_the_same_person(self):
        key = self.bob.home.home + '/exported'
        with open(os.open(key, os.O_WRONLY | os.O_CREAT, 0o600), 'w', encoding='utf-8') as f:
            f.write(self.bob.home.peerline('identity', 'export', 'bob@example.net', '--overlay', OVERLAY))
        self.join(self.tablet, 'bob@example.net', '--key', key, '--device', '2')
        self.tablet.start('bob@example.net')
        self.found(self.alice, 'bob@example.net', 2)
        call = self.alice.phone.call('bob@example.net')
        assert 'alice@example.org' in self.tablet.phone.decline()
        self.bob.phone.decline()
        assert ' 486 ' in self.alice.phone.final(call)
        assert not self.alice.problems()
        self.tablet.home.stop()

    def somebody_else_in_the_same_name_is_refused_until_accepted(self):  # S2-87
        """S3-22: neither heard nor dialled, and said; the right one goes on."""
        self.join(self.eve, 'bob@example.net')
        self.eve.start('bob@example.net')
        self.found(self.eve, 'alice@example.org')
        call = self.eve.phone.call('alice@example.org')
        assert ' 486 ' not in self.eve.phone.final(call, 40)
        told = until(lambda: [p for p in self.alice.problems() if 'bob@example.net' in p and 'peerline trust' in p])
        assert 'first contact' in told[0], told
        self.found(self.alice, 'bob@example.net')
        call = self.alice.phone.call('bob@example.net')
        self.bob.phone.decline()
        assert ' 486 ' in self.alice.phone.final(call)
        self.bob.home.stop()
        until(lambda: self.alice.ask('lookup', 'bob@example.net')['result'] == 'refused')
        assert ' 403 ' in self.alice.phone.final(self.alice.phone.call('bob@example.net'))
        others = self.alice.ask('trust', 'show', 'bob@example.net')['others']
        assert len(others) == 1, others
        self.alice.home.peerline('trust', 'accept', 'bob@example.net')
        self.found(self.alice, 'bob@example.net')
        call = self.alice.phone.call('bob@example.net')
        assert 'alice@example.org' in self.eve.phone.decline()
        assert ' 486 ' in self.alice.phone.final(call)
        self.alice.home.peerline('trust', 'forget', 'bob@example.net')
        assert self.alice.ask('trust', 'list') == [], self.alice.ask('trust', 'list')

    def only_who_has_the_secret_gets_in_and_it_can_be_changed(self):  # S1-45, S2-86
        """S1-07, S1-18, S1-55, S1-56: ECDHE-PSK links; never on a command line; each step leaves everybody in."""
        name = 'secret.example'
        gil, hana, ida = people = [Person(self.folder, who) for who in ('gil', 'hana', 'ida')]
        self.people += people
        gil.home.peerline('overlay', 'create', name, '--mode', 'shared-secret', '--no-ice', '--bootstrap', f'127.0.0.1:{gil.port}')
        assert os.stat(f'{gil.home.home}/data/secrets/{name}').st_mode & 0o777 == 0o600
        secret = gil.home.peerline('overlay', 'secret', name)
        assert secret.strip() not in open(gil.home.document(name), encoding='utf-8').read()

        def give(who, text):
            with open(os.open(who.home.home + '/given', os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), 'w', encoding='utf-8') as f:
                f.write(text)
            who.home.peerline('overlay', 'secret', name, '--add', who.home.home + '/given')
        for who, aor, given in ((gil, 'gil@example.org', None), (hana, 'hana@example.org', secret), (ida, 'ida@example.org', 'ab' * 32)):
            if given:
                who.home.peerline('overlay', 'join', gil.home.document(name))
                give(who, given)
            who.home.peerline('identity', 'create', aor, '--overlay', name)
        for who, aor in ((gil, 'gil@example.org'), (hana, 'hana@example.org')):
            who.start(aor)
        ida.home.start()

        def called(caller, callee, aor):
            self.found(caller, aor)
            call = caller.phone.call(aor)
            callee.phone.decline()
            assert ' 486 ' in caller.phone.final(call)
        called(gil, hana, 'hana@example.org')
        call_across_renewal(gil, hana, ('gil@example.org', 'hana@example.org'), name)
        until(lambda: [p for p in ida.problems() if 'no bootstrap node answers' in p])
        ida.home.stop()
        give(hana, gil.home.peerline('overlay', 'secret', name, '--new'))
        for step in ('--use', '--drop'):
            for who in (gil, hana):
                who.home.peerline('overlay', 'secret', name, step)
            until(lambda: gil.ask('status')['state'] == hana.ask('status')['state'] == 'ready')
        assert gil.home.peerline('overlay', 'secret', name) == hana.home.peerline('overlay', 'secret', name) != secret
        until(lambda: all(who.ask('status')['identities'][0]['registered'] for who in (gil, hana)), 30)
        called(hana, gil, 'gil@example.org')
        for who in people:
            who.home.stop()

    def cases(self):
        return [self.two_people_without_an_authority_call_each_other, self.a_call_outlives_the_certificates_it_began_with,
                self.a_second_identity_has_nothing_in_common_with_the_first, self.another_device_with_the_same_key_is_the_same_person,
                self.somebody_else_in_the_same_name_is_refused_until_accepted,
                self.only_who_has_the_secret_gets_in_and_it_can_be_changed]


def run(tests):
    """All of its cases, and ends its people; the exit code."""
    code = run_cases(tests.cases())
    for person in tests.people:
        if code:
            print(''.join(f'# {person.home.home}: {line}\n' for line in (person.home.said() if os.path.exists(person.home.home + '/log') else '').splitlines()[-8:]), end='')
        person.home.stop()
    return code


if __name__ == '__main__':
    with tempfile.TemporaryDirectory(prefix='peerline-trust-') as base:
        sys.exit(run(Tests(base)))
