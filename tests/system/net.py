# SPDX-License-Identifier: LGPL-2.1-or-later
"""Network namespaces of the lab: a public segment, routers with NAT, hosts.

Everything lives in private network, mount and process namespaces (see enter()), and each
namespace is held by a process that ends with the test; nothing outlives it, whatever happens.
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
    # In a chroot whose root is no mount point there are no mount namespaces.
    less = ['--net', '--fork', '--kill-child']
    if os.geteuid() == 0:
        return [['unshare'] + common, ['unshare'] + less]
    user = ['unshare', '--user', '--map-root-user']
    return [user + ['--map-auto'] + common, user + common, user + ['--map-auto'] + less, user + less]


def works(command):
    """Does it end well? An unshare that may not map users leaves a child behind that waits for
    ever and would keep a pipe open."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL, start_new_session=True)
    code = process.wait()
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    return code == 0


def enter():
    """Runs this program again inside namespaces of its own and a folder of its own, removes that
    folder afterwards, and exits. Returns the folder when already inside."""
    if os.environ.get(INSIDE):
        subprocess.run(['ip', 'link', 'set', 'lo', 'up'], check=True)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda number, _: sys.exit(128 + number))
        return os.environ[INSIDE]
    for tool in ('unshare', 'nsenter', 'setpriv', 'ip', 'nft'):
        if not shutil.which(tool, path=os.environ.get('PATH', '') + ':/usr/sbin:/sbin'):
            sys.exit(f'Bail out! {tool} is missing: ./bootstrap check installs it')
    os.environ['PATH'] = os.environ.get('PATH', '/usr/bin:/bin') + ':/usr/sbin:/sbin'
    command = next((c for c in unshare_command() if works(c + ['true'])), None)
    if not command:
        sys.exit('Bail out! no namespaces: this needs root (sudo), or user namespaces for everybody')
    folder = tempfile.mkdtemp(prefix='peerline-lab-')
    os.chmod(folder, 0o711)
    keep = os.environ.get('PEERLINE_LAB_KEEP')
    child = None
    try:
        child = subprocess.Popen(command + [sys.executable, '-u', '-B'] + sys.argv, env=dict(os.environ, **{INSIDE: folder}))
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: child.kill())    # unshare waits for its child through anything less
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


def ip(machine, *args):
    done = machine.run('ip', *args, capture_output=True, text=True)
    if done.returncode:
        raise LabError(f'{machine.name}: ip {" ".join(args)}: {done.stderr.strip()}')


class Namespace:
    """A machine on the network: a namespace, and the process that holds it."""

    def __init__(self, name):
        self.name = name
        self.holder = subprocess.Popen(['unshare', '--net', 'cat'], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        self.path = f'/proc/{self.holder.pid}/ns/net'
        own = os.readlink('/proc/self/ns/net')
        wait_until(f'namespace {name}', lambda: os.readlink(self.path) != own, 10, 0.005)
        ip(self, 'link', 'set', 'lo', 'up')
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
        """The same in this namespace, as that user, ending when we do."""
        command = ['nsenter', f'--net={self.path}', 'setpriv', '--pdeathsig=KILL']
        if uid is not None and uid != os.getuid():
            command += [f'--reuid={uid}', f'--regid={uid}', '--clear-groups']
        return command + ['--'] + list(args)

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
        self.holder.stdin.close()
        self.holder.wait(5)


class Network:
    """A public segment 198.51.100.0/24 and 2001:db8:100::/64, to which machines are plugged."""

    def __init__(self):
        self.machines = {}
        self.public = self.machine('public')
        ip(self.public, 'link', 'add', 'segment', 'type', 'bridge', 'mcast_snooping', '0')
        ip(self.public, 'link', 'set', 'segment', 'up')

    def machine(self, name):
        self.machines[name] = Namespace(name)
        return self.machines[name]

    def plug(self, machine, device='eth0'):
        end = f'p-{machine.name}'
        ip(self.public, 'link', 'add', end, 'type', 'veth', 'peer', 'name', device, 'netns', str(machine.holder.pid))
        ip(self.public, 'link', 'set', end, 'master', 'segment', 'up')
        ip(machine, 'link', 'set', device, 'up')

    def public_host(self, name, number, families='46'):
        host = self.machine(name)
        self.plug(host)
        host.address4 = host.address6 = None
        if '4' in families:
            host.address4 = f'198.51.100.{number}'
            ip(host, 'address', 'add', f'{host.address4}/24', 'dev', 'eth0')
            ip(host, 'route', 'add', 'default', 'dev', 'eth0')
        if '6' in families:
            host.address6 = f'2001:db8:100::{number}'
            ip(host, 'address', 'add', f'{host.address6}/64', 'dev', 'eth0', 'nodad')
            ip(host, '-6', 'route', 'add', 'default', 'dev', 'eth0')
        return host

    def nat_host(self, name, number, symmetric=False):
        """A host on a network of its own behind a router that lets nothing new in; a symmetric one gives
        each far side another port."""
        host = self.machine(name)
        host.router = self.router(f'nat-{name}', number, host, 'eth0', symmetric)
        ip(host, 'link', 'set', 'eth0', 'up')
        ip(host, 'route', 'add', 'default', 'via', f'10.{number}.0.1')
        host.address4, host.address6 = f'10.{number}.0.2', None
        return host

    def router(self, name, number, host, device, symmetric=False):
        """A NAT with a line to the host's device, which is down yet."""
        router = self.machine(name)
        self.plug(router, 'wan')
        router.address4 = f'198.51.100.{number}'
        ip(router, 'address', 'add', f'{router.address4}/24', 'dev', 'wan')
        ip(router, 'link', 'add', 'lan', 'type', 'veth', 'peer', 'name', device, 'netns', str(host.holder.pid))
        ip(router, 'address', 'add', f'10.{number}.0.1/24', 'dev', 'lan')
        ip(router, 'link', 'set', 'lan', 'up')
        ip(host, 'address', 'add', f'10.{number}.0.2/24', 'dev', device)
        router.write('net/ipv4/ip_forward', '1')
        rules = NAT.replace('masquerade', 'masquerade fully-random') if symmetric else NAT
        router.run('nft', '-f', '-', input=rules, text=True, check=True)
        return router

    def remove(self):
        for machine in self.machines.values():
            machine.remove()
        self.machines.clear()
