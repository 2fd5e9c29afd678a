#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The installed library: what it exports, that each symbol is documented, and that the example, built
from what `make install` puts down, leaves a note in the overlay of a real daemon on loopback."""
import glob
import os
import re
import shlex
import subprocess
import sys
import tempfile

TOP, BUILD = os.environ['srcdir'], os.environ['builddir']
sys.dont_write_bytecode = True
sys.path.insert(0, TOP + '/tests/support')
import loopback  # noqa: E402
NAME, ALICE, BOB = 'notes.example.org', 'alice@example.org', 'bob@example.org'
KIND = '0xf0000001'


def run(*command, env=None, check=True):
    done = subprocess.run(command, capture_output=True, text=True, env=env, timeout=60)
    if check and done.returncode:
        raise AssertionError(f'{" ".join(command)}: exit {done.returncode}: {done.stdout}{done.stderr}')
    return done


def listed():
    with open(TOP + '/overlay/libpeerline-overlay.map', encoding='utf-8') as f:
        return sorted(re.findall(r'^  (pl_\w+);', f.read(), flags=re.M))


def header():
    with open(TOP + '/overlay/overlay.h', encoding='utf-8') as f:
        return f.read()


def exports_what_the_map_lists(_):
    library = os.path.realpath(BUILD + '/.libs/libpeerline-overlay.so')
    lines = [line.split() for line in run('nm', '-D', '--defined-only', library).stdout.splitlines()]
    found = sorted(parts[-1].split('@')[0] for parts in lines if parts[1] != 'A')
    assert found == listed(), f'exported {found}, listed {listed()}'


def documents_every_symbol(_):
    """A gtk-doc comment before each function, with each parameter and what it returns."""
    functions = dict()
    for comment, result, name, parameters in re.findall(r'/\*\*\n((?: \*[^\n]*\n)*?) \*/\n([\w ]+?[ *]+)(pl_\w+) \(([^;]*)\);', header()):
        functions[name] = (comment, result.strip(), re.findall(r'(\w+)(?:,|$)', parameters))
    assert sorted(functions) == listed(), sorted(set(listed()) ^ set(functions))
    for name, (comment, result, parameters) in functions.items():
        assert comment.startswith(f' * {name}:\n'), f'{name}: the comment begins with another name'
        for parameter in parameters:
            assert parameter == 'void' or f'\n * @{parameter}:' in comment, f'{name}: nothing about {parameter}'
        assert result == 'void' or '\n * Returns:' in comment, f'{name}: nothing about its result'


def install(folder):
    environment = {name: value for name, value in os.environ.items() if not name.startswith(('MAKE', 'MFLAGS'))}
    run('make', '-s', '-C', BUILD, f'DESTDIR={folder}/root', 'install-libLTLIBRARIES', 'install-pl_overlay_includeHEADERS',
        'install-nodist_pkgconfigDATA', env=environment)
    return [os.path.relpath(path, folder + '/root') for path in glob.glob(folder + '/root/**', recursive=True) if os.path.isfile(path)]


def installs_library_header_and_pkg_config_file(folder):
    files = [os.path.basename(path) for path in install(folder)]
    for name in ('libpeerline-overlay.so.0', 'overlay.h', 'peerline-overlay.pc'):
        assert name in files, f'{name} is not among {files}'


def flags(folder):
    """Of pkg-config, with our own folders below the one we installed into."""
    pc = glob.glob(folder + '/root/**/peerline-overlay.pc', recursive=True)[0]
    environment = dict(os.environ, PKG_CONFIG_PATH=os.path.dirname(pc), PKG_CONFIG_ALLOW_SYSTEM_LIBS='1', PKG_CONFIG_ALLOW_SYSTEM_CFLAGS='1')
    words = shlex.split(run('pkg-config', '--cflags', '--libs', 'peerline-overlay', env=environment).stdout)
    return [word[:2] + folder + '/root' + word[2:] if word[:2] in ('-I', '-L') and os.path.isdir(folder + '/root' + word[2:]) else word
            for word in words]


def example_builds_from_what_is_installed(folder):
    run(*shlex.split(os.environ['PL_COMPILER']), '-Werror', '-o', folder + '/note', TOP + '/doc/examples/overlay-note.c', *flags(folder))


def example_leaves_a_note_in_the_overlay_of_a_daemon(folder):
    environment = dict(os.environ, LD_LIBRARY_PATH=os.path.dirname(glob.glob(folder + '/root/**/libpeerline-overlay.so.0', recursive=True)[0]))
    daemon, other = loopback.Home(BUILD, folder + '/daemon'), loopback.Home(BUILD, folder + '/other')
    sip, port = loopback.free_ports(2)
    daemon.configure(sip, port)
    daemon.peerline('overlay', 'create', NAME, '--bootstrap', f'127.0.0.1:{port}', '--kind', KIND + ':SINGLE:USER-MATCH:1:1000')
    daemon.peerline('identity', 'create', ALICE, '--overlay', NAME)
    daemon.admit(other, NAME, BOB)
    files = [other.document(NAME), *other.identity(NAME, BOB)]
    daemon.start()
    try:
        first = run(folder + '/note', *files, KIND, 'milk and bread', '127.0.0.1', env=environment)
        assert first.stdout == f'{BOB}: milk and bread\n', first
        wrong = run(folder + '/note', *files, '0xf0000002', 'nothing', '127.0.0.1', env=environment, check=False)
        assert wrong.returncode == 1 and 'no Kind 0xf0000002' in wrong.stderr, wrong
    finally:
        daemon.stop()


TESTS = (exports_what_the_map_lists, documents_every_symbol, installs_library_header_and_pkg_config_file,
         example_builds_from_what_is_installed, example_leaves_a_note_in_the_overlay_of_a_daemon)


def main():
    failed = False
    print(f'1..{len(TESTS)}')
    with tempfile.TemporaryDirectory() as folder:
        for number, test in enumerate(TESTS, 1):
            try:
                test(folder)
                print(f'ok {number} - library {test.__name__.replace("_", " ")}', flush=True)
            except Exception as e:  # pylint: disable=broad-except
                failed = True
                print(f'# {e!r}'.replace('\\n', '\n# '))
                print(f'not ok {number} - library {test.__name__.replace("_", " ")}', flush=True)
    return failed


if __name__ == '__main__':
    sys.exit(main())
