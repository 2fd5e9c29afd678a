#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The first ten minutes: `peerline setup`, invitations and what they are not taken from, over real daemons on loopback."""
import os
import socket
import subprocess
import sys
import tempfile
import threading

TOP, BUILD = os.environ['srcdir'], os.environ['builddir']
sys.dont_write_bytecode = True
sys.path.insert(0, TOP + '/tests/support')
import loopback  # noqa: E402
from cases import check, end  # noqa: E402

NAME = 'friends.example'


def run(home, *args, answers='', cwd=None):
    """Exit code, what it said on both."""
    done = subprocess.run([BUILD + '/proxy/peerline', *args], input=answers, capture_output=True, text=True, env=home.environment, timeout=60,
                          cwd=cwd or home.home)
    return done.returncode, done.stdout + done.stderr


def link_of(home, *args):
    return home.peerline('invite', *args).splitlines()[0]


def register(aor, port):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
        phone.bind(('127.0.0.1', 0))
        phone.settimeout(10)
        own = phone.getsockname()[1]
        phone.sendto((f'REGISTER sip:{aor.split("@")[1]} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{own};branch=z9hG4bKr;rport\r\nMax-Forwards: 70\r\n'
                      f'From: <sip:{aor}>;tag=t\r\nTo: <sip:{aor}>\r\nCall-ID: register\r\nCSeq: 1 REGISTER\r\nContact: <sip:x@127.0.0.1:{own}>\r\n'
                      'Expires: 600\r\nContent-Length: 0\r\n\r\n').encode(), ('127.0.0.1', port))
        return phone.recv(65536).decode().split('\r\n', 1)[0]


def started(folder, name):
    """Somebody whose daemon runs and has nothing to do yet."""
    home = loopback.Home(BUILD, f'{folder}/{name}')
    home.sip, home.port = loopback.free_ports(2)
    home.configure(home.sip, home.port)
    return home.start()


def makes(alice):
    code, said = run(alice, 'setup', '--wait', '20', answers=f'3\n{NAME}\n127.0.0.1:{alice.port}\nalice@example.org\n4\n')
    check('setup makes an overlay and an identity by questions, and the daemon takes them', code == 0 and 'The daemon is in the overlay' in said, said)
    check('setup shows each command that it gives', f'$ peerline overlay create {NAME} --mode self-signed' in said
          and '$ peerline identity create alice@example.org' in said, said)
    code, said = run(alice, 'setup', '--wait', '20', '--phone', 'none')
    check('setup run again does nothing twice', code == 0 and '$ peerline overlay' not in said and '$ peerline identity' not in said, said)


def refuses(alice, bob, other):
    link = link_of(alice, '--url', 'https://example.org/document')
    check('an invitation says where the document is when it is on the web', link.startswith(f'peerline://{NAME}/?key=')
          and 'at=https%3A%2F%2Fexample.org%2Fdocument' in link and 'document=' not in link, link)
    link = link_of(alice)
    other.peerline('overlay', 'create', NAME, '--mode', 'self-signed')
    ours, theirs = link.split('&document='), link_of(other).split('&document=')
    for name, text, why in (('a stranger\'s document behind our keys', '&document='.join((ours[0], theirs[1])), 'not the one you were invited to'),
                            ('a cut link', link[:-200], 'missing'), ('a link without keys', f'peerline://{NAME}/?document={ours[1]}', 'no whole invitation'),
                            ('a link of another name', link.replace(NAME, 'enemies.example'), 'enemies.example')):
        code, said = run(bob, 'overlay', 'join', text)
        check(f'{name} is refused, and one hears why', code == 1 and why in said, said)
    check('what was refused leaves nothing behind', bob.ask('overlay', 'list') == [])


def joins(alice, bob):
    path = bob.home + '/invitation'
    alice.peerline('invite', '--file', path)
    process = subprocess.Popen([BUILD + '/proxy/peerline', 'setup', '--join', path, '--address', 'Bob@Example.net', '--phone', 'generic', '--wait', '30'],
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=bob.environment)
    guard = threading.Timer(60, process.kill)
    guard.start()
    said = ''
    for line in process.stdout:
        said += line
        if 'Waiting for the phone' in line:
            answer = register('bob@example.net', bob.sip)
            said += answer + '\n'
        if 'Now dial sip:echo@localhost' in line:
            break
    process.kill()
    process.wait()
    guard.cancel()
    check('setup takes an invitation from a file, makes the identity, sees the phone and asks for a call to the echo', 'Now dial sip:echo@localhost' in said
          and 'Compare' not in said and f'sip:127.0.0.1:{bob.sip}' in said, said)
    check('both are in one overlay', bob.ask('status')['state'] == 'ready' and len(bob.ask('peers')) >= 1, bob.ask('status'))


def others(folder, carol):
    for args, option in (((), '--join=INVITATION'), (('--create', 'x.example'), '--address=ADDRESS')):
        code, said = run(carol, 'setup', '--wait', '0', *args)
        check(f'setup without anybody to answer says {option}', code == 1 and option in said, said)
    authority = loopback.Home(BUILD, folder + '/authority')
    authority.peerline('overlay', 'create', 'office.example')
    link = link_of(authority)
    key = link.split('key=')[1].split('&')[0]
    code, said = run(carol, 'overlay', 'join', link.replace(key, key.split(',')[0]))
    check('an authority\'s document is known by its authority and by who signs it, not by one of them', key.count(',') == 1 and code == 1, said)
    code, said = run(carol, 'setup', '--join', link, '--address', 'carol@example.org')
    check('setup in an overlay with an authority writes a request and says what comes next', code == 1 and 'identity import' in said
          and os.path.exists(carol.home + '/carol@example.org.request'), said)
    with open(carol.home + '/answer', 'w', encoding='utf-8') as f:
        f.write(authority.peerline('identity', 'sign', carol.home + '/carol@example.org.request'))
    carol.peerline('identity', 'import', carol.home + '/answer')
    code, said = run(carol, 'setup', '--overlay', 'office.example', '--wait', '5')
    check('setup goes on from there', 'You are carol@example.org there' in said, said)


def log(folder, home):
    with open(os.open(folder + '/journalctl', os.O_WRONLY | os.O_CREAT, 0o700), 'w', encoding='utf-8') as f:
        f.write('#!/bin/sh\necho "$@"\n')
    values = dict(home.environment, PATH=folder + ':' + os.environ['PATH'], XDG_RUNTIME_DIR=folder)
    for name, keep, want in (('log -f follows the journal of the user\'s unit', False, '--user --unit=peerlined.service --lines=50 --output=short-precise --follow'),
                             ('log says where else to look when the daemon is no service', True, 'where it was started')):
        if not keep:
            del values['PEERLINE_HOME']
        done = subprocess.run([BUILD + '/proxy/peerline', 'log', '-f'], env=values if not keep else home.environment, capture_output=True, text=True, timeout=20, check=False)
        check(name, want in done.stdout + done.stderr, done.stdout + done.stderr)


def main():
    with tempfile.TemporaryDirectory(dir='/tmp') as folder:
        os.chmod(folder, 0o700)
        homes = []
        try:
            alice, bob = (started(folder, name) for name in ('alice', 'bob'))
            homes += [alice, bob]
            makes(alice)
            refuses(alice, bob, loopback.Home(BUILD, folder + '/other'))
            joins(alice, bob)
            others(folder, loopback.Home(BUILD, folder + '/carol'))
            log(folder, alice)
        finally:
            for home in homes:
                home.kill()
    return end()


if __name__ == '__main__':
    sys.exit(main())
