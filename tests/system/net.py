# SPDX-License-Identifier: LGPL-2.1-or-later
"""Network namespaces of the lab: a public segment, routers with NAT, hosts.

Everything lives in one private mount, network and process namespace (see enter()), so that
nothing of it outlives the test, whatever happens to it.
"""
import contextlib
import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

INSIDE = 'PEERLINE_LAB_INSIDE'
NETNS = '/run/netns'
USER, STRANGER = 20001, 20002   # who the daemons and phones run as, and another person
CLONE_NEWNET = 0x40000000
libc = ctypes.CDLL(None, use_errno=True)

NAT = '''
table ip nat {
  chain post {
    type nat hook postrouting priority srcnat;
    oifname "wan" masquerade
  }
}
table inet guard {
  chain forward {
    type filter hook forward priority filter;
    iifname "wan" ct state new drop
  }
  chain input {
    type filter hook input priority filter;
    iifname "wan" ct state new drop
  }
}
'''


class LabError(Exception):
    pass


def wait_until(what, condition, timeout, interval=0.05):
    """The first true value of condition(), or LabError when it takes more than timeout seconds."""
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise LabError(f'{what}: not within {timeout} s')
        time.sleep(interval)


def holds_for(condition, seconds, interval=0.05):
    """Does the condition stay true all the while?"""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if not condition():
            return False
        time.sleep(interval)
    return True


def unshare_command():
    """How this caller gets namespaces of its own, best first."""
    common = ['--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc']
    if os.geteuid() == 0:
        return [['unshare'] + common, ['unshare', '--net', '--mount', '--fork', '--kill-child']]
    user = ['unshare', '--user', '--map-root-user']
    return [user + ['--map-auto'] + common, user + common, user + ['--net', '--mount', '--fork', '--kill-child']]


def enter():
    """Runs this program again inside namespaces of its own and a folder of its own, removes that
    folder afterwards, and exits. Returns the folder when already inside."""
    if os.environ.get(INSIDE):
        subprocess.run(['mount', '-t', 'tmpfs', 'tmpfs', '/run'], check=True)
        os.makedirs(NETNS, exist_ok=True)
        subprocess.run(['ip', 'link', 'set', 'lo', 'up'], check=True)
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        return os.environ[INSIDE]
    for tool in ('unshare', 'nsenter', 'setpriv', 'ip', 'nft', 'mount'):
        if not shutil.which(tool, path=os.environ.get('PATH', '') + ':/usr/sbin:/sbin'):
            sys.exit(f'Bail out! {tool} is missing: ./bootstrap check installs it')
    os.environ['PATH'] = os.environ.get('PATH', '/usr/bin:/bin') + ':/usr/sbin:/sbin'
    command = next((c for c in unshare_command() if subprocess.run(c + ['true'], capture_output=True).returncode == 0), None)
    if not command:
        sys.exit('Bail out! no namespaces: needs root, or user namespaces for everybody')
    folder = tempfile.mkdtemp(prefix='peerline-lab-')
    os.chmod(folder, 0o711)
    keep = os.environ.get('PEERLINE_LAB_KEEP')
    child = None
    try:
        child = subprocess.Popen(command + [sys.executable, '-u', '-B'] + sys.argv, env=dict(os.environ, **{INSIDE: folder}))
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: child.terminate())
        signal.signal(signal.SIGINT, signal.SIG_IGN)    # the terminal sends it to the child, too
        code = child.wait()
    finally:
        if keep:
            print(f'# kept: {folder}')
        else:
            remove_tree(folder, command)
    sys.exit(code if code >= 0 else 128 - code)


def remove_tree(folder, command):
    """Files of other uids inside a user namespace are removed from inside one."""
    shutil.rmtree(folder, ignore_errors=True)
    if os.path.exists(folder):
        subprocess.run(command + ['rm', '-rf', folder], capture_output=True)
        shutil.rmtree(folder, ignore_errors=True)


def several_uids():
    """Can processes here run as other users?"""
    with open('/proc/self/uid_map') as f:
        return any(int(first) <= STRANGER < int(first) + int(count) for first, _, count in (l.split() for l in f))


def user():
    return USER if several_uids() else os.getuid()


def ip(*args, ns=None):
    command = ['ip'] + (['-n', ns] if ns else []) + list(args)
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise LabError(f'{" ".join(command)}: {done.stderr.strip()}')


class Namespace:
    """A machine on the network."""

    def __init__(self, name):
        self.name, self.path = name, f'{NETNS}/{name}'
        ip('netns', 'add', name)
        ip('link', 'set', 'lo', 'up', ns=name)
        self.write('net/ipv6/conf/all/accept_dad', '0')
        self.write('net/ipv6/conf/default/accept_dad', '0')
        self.write('net/ipv6/conf/default/router_solicitations', '0')

    def write(self, key, value):
        with self.inside(), contextlib.suppress(FileNotFoundError), open(f'/proc/sys/{key}', 'w') as f:
            f.write(value)

    @contextlib.contextmanager
    def inside(self):
        """This thread is in the namespace meanwhile; sockets made here stay in it."""
        with open('/proc/thread-self/ns/net') as home, open(self.path) as there:
            if libc.setns(there.fileno(), CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), 'setns')
            try:
                yield
            finally:
                if libc.setns(home.fileno(), CLONE_NEWNET):
                    raise OSError(ctypes.get_errno(), 'setns back')

    def command(self, args, uid=None):
        prefix = ['nsenter', f'--net={self.path}']
        if uid is not None and uid != os.getuid():
            prefix += ['setpriv', f'--reuid={uid}', f'--regid={uid}', '--clear-groups', '--']
        return prefix + list(args)

    def run(self, *args, uid=None, **kw):
        return subprocess.run(self.command(args, uid), **kw)

    def socket(self, family, kind, uid=None):
        """A socket in this namespace that belongs to uid."""
        with self.inside():
            if uid is None or uid == os.getuid():
                return socket.socket(family, kind)
            os.seteuid(uid)
            try:
                return socket.socket(family, kind)
            finally:
                os.seteuid(0)

    def remove(self):
        subprocess.run(['ip', 'netns', 'delete', self.name], capture_output=True)


class Network:
    """A public segment 198.51.100.0/24 and 2001:db8:100::/64, to which machines are plugged."""

    def __init__(self):
        self.machines = {}
        self.public = self.machine('public')
        ip('link', 'add', 'segment', 'type', 'bridge', 'mcast_snooping', '0', ns='public')
        ip('link', 'set', 'segment', 'up', ns='public')

    def machine(self, name):
        self.machines[name] = Namespace(name)
        return self.machines[name]

    def plug(self, name, device='eth0'):
        end = f'p-{name}'
        ip('link', 'add', end, 'netns', 'public', 'type', 'veth', 'peer', 'name', device, 'netns', name)
        ip('link', 'set', end, 'master', 'segment', 'up', ns='public')
        ip('link', 'set', device, 'up', ns=name)

    def public_host(self, name, number, families='46'):
        host = self.machine(name)
        self.plug(name)
        host.address4 = host.address6 = None
        if '4' in families:
            host.address4 = f'198.51.100.{number}'
            ip('address', 'add', f'{host.address4}/24', 'dev', 'eth0', ns=name)
            ip('route', 'add', 'default', 'dev', 'eth0', ns=name)
        if '6' in families:
            host.address6 = f'2001:db8:100::{number}'
            ip('address', 'add', f'{host.address6}/64', 'dev', 'eth0', 'nodad', ns=name)
            ip('-6', 'route', 'add', 'default', 'dev', 'eth0', ns=name)
        return host

    def nat_host(self, name, number):
        """A host on a network of its own behind a router that lets nothing new in."""
        router_name = f'nat-{name}'
        router = self.machine(router_name)
        self.plug(router_name, 'wan')
        router.address4 = f'198.51.100.{number}'
        ip('address', 'add', f'{router.address4}/24', 'dev', 'wan', ns=router_name)
        host = self.machine(name)
        ip('link', 'add', 'lan', 'netns', router_name, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name)
        for ns, device, last in ((router_name, 'lan', 1), (name, 'eth0', 2)):
            ip('address', 'add', f'10.{number}.0.{last}/24', 'dev', device, ns=ns)
            ip('link', 'set', device, 'up', ns=ns)
        ip('route', 'add', 'default', 'via', f'10.{number}.0.1', ns=name)
        router.write('net/ipv4/ip_forward', '1')
        router.run('nft', '-f', '-', input=NAT, text=True, check=True)
        host.address4, host.address6, host.router = f'10.{number}.0.2', None, router
        return host

    def remove(self):
        for machine in self.machines.values():
            machine.remove()
        self.machines.clear()
