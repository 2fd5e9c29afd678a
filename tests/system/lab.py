# SPDX-License-Identifier: LGPL-2.1-or-later
"""Whole worlds: a network, an overlay with three bootstrap peers, people with phones."""
import os
import re
import shutil
import subprocess
import sys

from capture import Capture, udp_ports
from daemon import Instance
from net import LabError, Network, user, wait_until
from phone import Baresip

OVERLAY = 'example.net'
BOOTSTRAPS = 3
PORT = 6084

# The private Kind of the copies of registrations (doc/PROTOCOL), which no dissector knows by itself.
COPIES = '0xF0000010:SIP-REGISTRATION-COPY:DICTIONARY'


def bracketed(address):
    return f'[{address}]' if ':' in address else address


def copy_programs(builddir, folder):
    """The programs where the lab's user can read them, whatever the rights of the checkout."""
    programs = {}
    for name, room in (('peerlined', 'proxy'), ('peerline', 'proxy'), ('peerline-edge', 'ice/edge')):
        source = os.path.join(builddir, room, name)
        if not os.path.exists(source):
            raise LabError(f'{source} is not built')
        programs[name] = shutil.copy(source, os.path.join(folder, name))
        os.chmod(programs[name], 0o755)
    return programs


class Person:
    """Somebody with a machine, a daemon and perhaps a phone."""

    def __init__(self, world, name, machine, home='', control=4444):
        self.world, self.name, self.machine, self.control = world, name, machine, control
        self.aor = f'{name}@{OVERLAY}'
        self.daemon = world.instance(machine, home or name, self.aor)
        self.phone, self.capture, self.phone_ports = None, None, set()

    @property
    def address(self):
        return self.machine.address4 or self.machine.address6

    def start_phone(self, tone, proxy=None, **kw):
        six = not self.machine.address4
        folder = os.path.join(self.world.folder, f'phone-{self.name}')
        stun = f'stun:{self.world.stun_host(six)}:{PORT}' if kw.get('nat', 'ice') and 'account' not in kw else None
        self.phone = Baresip(self.machine, self.name, self.aor, folder, tone=tone, stun=stun,
                             proxy=proxy or ('sip:[::1]:5080' if six else 'sip:127.0.0.1:5080'),
                             family=6 if six else 4, control=self.control, **kw).start()
        self.world.started.append(self.phone)
        return self.phone

    def stop_phone(self):
        if self.phone:
            self.phone.stop()
            self.world.started.remove(self.phone)
            self.phone = None

    def note_ports(self):
        """Remembers which UDP ports the phone has now; they change with each call."""
        self.phone_ports |= udp_ports(self.phone.pid)
        return self.phone_ports

    def start_capture(self):
        self.capture = self.world.start_capture(self.machine)
        return self.capture

    def registered(self, timeout=30):
        """Is the registration stored in the overlay?"""
        def stored():
            status = self.daemon.ask('status')
            return status and any(i.get('aor') == self.aor and i.get('registered') for i in status.get('identities', []))
        wait_until(f'{self.name}: registration in the overlay', stored, timeout)


class World:
    """Everything of one scenario; stop() ends all of it, in any state."""

    def __init__(self, folder, builddir, name):
        self.folder = os.path.join(folder, re.sub(r'\W+', '-', name))     # phones don't like spaces in paths
        os.makedirs(self.folder)
        os.chmod(self.folder, 0o711)
        self.programs = copy_programs(builddir, self.folder)
        self.network, self.started, self.instances, self.captures, self.people = Network(), [], [], {}, {}
        self.bootstraps = []
        self.keylog = os.path.join(self.folder, 'keys.log')
        with open(self.keylog, 'w'):
            pass
        os.chown(self.keylog, user(), user())
        self.authority = None

    def instance(self, machine, name, aor):
        instance = Instance(machine, name, aor, os.path.join(self.folder, f'home-{name}'), self.programs, self.keylog)
        self.instances.append(instance)
        return instance

    def start_capture(self, machine):
        if machine.name not in self.captures:
            self.captures[machine.name] = Capture(machine, os.path.join(self.folder, f'{machine.name}.pcap'))
        return self.captures[machine.name]

    # --- the overlay ---

    def stun_host(self, six):
        machine = self.bootstraps[0].machine
        return bracketed(machine.address6 if six else machine.address4)

    def make_bootstraps(self, family=4, capture=True, config=None, create=()):
        """`config`: more of peerline.conf for some, by name. `create`: options of the overlay."""
        machines = [self.network.public_host(f'boot{n}', n) for n in range(1, BOOTSTRAPS + 1)]
        addresses = [m.address6 if family == 6 else m.address4 for m in machines]
        self.make_overlay(addresses, *create)
        for machine in machines:
            boot = Person(self, machine.name, machine)
            if capture:
                boot.start_capture()
            self.enroll(boot.daemon)
            boot.daemon.configure('[overlay]\nrole=bootstrap\n' + (config or {}).get(boot.name, ''))
            self.bootstraps.append(boot)
        for boot in self.bootstraps:
            self.start_daemon(boot)
        for boot in self.bootstraps:
            wait_until(f'{boot.name}: a peer of the ring', lambda boot=boot: self.state(boot) == 'peer', 30)

    def make_overlay(self, addresses, *more):
        self.authority = self.instance(self.network.public, 'authority', None)
        args = ['overlay', 'create', OVERLAY, *more]
        for address in addresses:
            args += ['--bootstrap', f'{bracketed(address)}:{PORT}']
        self.authority.cli(*args)
        found = [os.path.join(root, f) for root, _, files in os.walk(self.authority.home) for f in files if f.endswith('.xml')]
        if len(found) != 1:
            raise LabError(f'overlay create left {found or "no document"} in its home')
        self.document = shutil.copy(found[0], os.path.join(self.folder, 'overlay.xml'))
        os.chmod(self.document, 0o644)

    def enroll(self, instance):
        """As two people would: the document, a request, the certificate back."""
        instance.cli('overlay', 'join', self.document)
        request = instance.cli('identity', 'request', instance.aor, '--overlay', OVERLAY)
        certificate = self.authority.cli('identity', 'sign', self.write('request', request))
        instance.cli('identity', 'import', self.write('certificate', certificate))

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, 'w') as f:
            f.write(text)
        os.chmod(path, 0o644)
        return path

    @staticmethod
    def state(person):
        status = person.daemon.ask('status') or {}
        return next((o.get('state') for o in status.get('overlays', [])), None)

    def start_daemon(self, person):
        person.daemon.start()
        if person.daemon not in self.started:
            self.started.append(person.daemon)

    # --- people ---

    def person(self, name, machine, config='', capture=True, **kw):
        who = Person(self, name, machine, **kw)
        self.people[name] = who
        if capture:
            who.start_capture()
        self.enroll(who.daemon)
        who.daemon.configure(config or '[overlay]\nrole=client\n')
        self.start_daemon(who)
        return who

    def connected(self, person, timeout=20):
        wait_until(f'{person.name}: in the overlay', lambda: self.state(person) in ('client', 'peer'), timeout)

    # --- the end ---

    def stop(self):
        for thing in reversed(self.started):
            thing.stop()
        self.started.clear()
        self.stop_captures()
        self.network.remove()

    def stop_captures(self):
        for capture in self.captures.values():
            capture.stop()

    def sip_links(self):
        """The pairs of sockets that the daemons say were SIP links: {machine: {(address, port), ...}}."""
        found = {}
        for instance in self.instances:
            text = ''
            for root, _, files in os.walk(os.path.join(instance.home, 'state')):
                if 'sip-links' in files:
                    with open(os.path.join(root, 'sip-links')) as f:
                        text += f.read()
            if instance.process and instance.process.poll() is None:
                text += '\n'.join(p.get('path', '') for p in instance.ask('peers') or [] if p.get('role') == 'sip')
            for local, remote in re.findall(r'udp (\S+:\d+)\s+(\S+:\d+)', text):
                found.setdefault(instance.machine.name, set()).add((socket_name(local), socket_name(remote)))
        return found


def socket_name(text):
    host, port = text.rsplit(':', 1)
    return host.strip('[]'), int(port)


def decode(path, ports, keylog, least=1):
    """(good, last line, complaints) of Wireshark's RELOAD dissector over a capture."""
    tool = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'tools', 'reload_tshark.py')
    command = [sys.executable, '-B', tool, path, '--keylog', keylog, '--min', str(least), '--kind', COPIES]
    for port in sorted(ports):
        command += ['--port', str(port)]
    done = subprocess.run(command, capture_output=True, text=True)
    lines = (done.stdout + done.stderr).strip().splitlines()
    return done.returncode == 0, lines[-1] if lines else 'nothing said', [l for l in lines if 'PROBLEM' in l]
