#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is installed beside the programs is good: units, profile, metadata, man pages; and sockets that a service manager
opened before the daemon ran."""
import glob
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile

TOP, BUILD = os.environ['srcdir'], os.environ['builddir']
sys.dont_write_bytecode = True
sys.path.insert(0, TOP + '/tests/support')
import loopback  # noqa: E402
from cases import check, end, skip  # noqa: E402

EXPOSURE_MAX = 2.0


def tool(name, *args, **kw):
    """What it says and whether it is content; None: it is not here."""
    if not shutil.which(name):
        return None
    done = subprocess.run([name, *args], capture_output=True, text=True, timeout=60, check=False, **kw)
    return done.returncode == 0, done.stdout + done.stderr


def judged(name, result):
    if result is None:
        skip(name, 'the tool is not installed')
    else:
        check(name, *result)


def units(folder):
    for unit, scope in (('peerlined.service', ['--user']), ('peerline-enroll.service', [])):
        name = f'{unit}: exposure is at most {EXPOSURE_MAX}'
        result = tool('systemd-analyze', 'security', '--offline=true', '--no-pager', *scope, f'{BUILD}/data/{unit}', env=dict(os.environ, XDG_RUNTIME_DIR=folder))
        level = re.search(r'Overall exposure level.*: ([0-9.]+)', result[1]) if result else None
        if result and level:
            check(name, float(level[1]) <= EXPOSURE_MAX, level[0])
        else:
            skip(name, 'no systemd-analyze that can say')


def man_pages():
    for path in sorted(glob.glob(TOP + '/data/*.[1-8]')):
        name = os.path.basename(path)
        judged(f'{name}: mandoc has nothing to say', tool('mandoc', '-Tlint', '-W', 'warning', path))
        judged(f'{name}: lexgrog reads its name', tool('lexgrog', path))


def knock(port):
    phone = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    phone.bind(('127.0.0.1', 0))
    phone.settimeout(15)
    own = phone.getsockname()[1]
    phone.sendto((f'OPTIONS sip:127.0.0.1:{port} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{own};branch=z9hG4bKo;rport\r\nMax-Forwards: 70\r\n'
                  f'From: <sip:a@example.org>;tag=t\r\nTo: <sip:127.0.0.1:{port}>\r\nCall-ID: o\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n').encode(), ('127.0.0.1', port))
    return phone


def activation(folder):
    home = loopback.Home(BUILD, folder + '/home')
    port, overlay = loopback.free_ports(2)
    home.configure(port, overlay)
    udp, tcp = (socket.socket(socket.AF_INET, kind) for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM))
    for s in (udp, tcp):
        s.bind(('127.0.0.1', port))
    tcp.listen(16)
    with knock(port) as phone:
        log = open(home.home + '/log', 'w', encoding='utf-8')
        program = ['sh', '-c', 'exec 3<&$0 4<&$1; LISTEN_PID=$$ LISTEN_FDS=2 exec "$2"', str(udp.fileno()), str(tcp.fileno()), BUILD + '/proxy/peerlined']
        process = subprocess.Popen(program, env=home.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, pass_fds=(udp.fileno(), tcp.fileno()))
        udp.close()
        tcp.close()
        try:
            answer = phone.recv(65536).decode().split('\r\n', 1)[0]
        except TimeoutError:
            answer = ''
        with socket.create_connection(('127.0.0.1', port), 5):
            check('a phone that spoke before the daemon ran is answered through the socket that was open already', answer.startswith('SIP/2.0 '), home.said())
        check('the daemon tells the port that it was given', f'127.0.0.1:{port}' in home.said(), home.said())
        process.terminate()
        check('it ends as ever', process.wait(15) == 0, home.said())


def main():
    with tempfile.TemporaryDirectory(dir='/tmp') as folder:
        units(folder)
        judged('the AppArmor profile compiles', tool('apparmor_parser', '-Q', '-K', BUILD + '/data/peerlined'))
        judged('the AppStream data are valid', tool('appstreamcli', 'validate', '--no-net', TOP + '/data/org.peerline.peerline.metainfo.xml'))
        man_pages()
        activation(folder)
    return end()


if __name__ == '__main__':
    sys.exit(main())
