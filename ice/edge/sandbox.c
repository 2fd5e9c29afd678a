/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "ice/edge/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* All that GLib, libnice, GnuTLS and libsrtp2 need once they run. The rest says EPERM. */
static const int allowed[] = {
  SCMP_SYS (accept4), SCMP_SYS (bind), SCMP_SYS (brk), SCMP_SYS (clock_gettime), SCMP_SYS (clock_nanosleep),
  SCMP_SYS (close), SCMP_SYS (connect), SCMP_SYS (eventfd2), SCMP_SYS (exit), SCMP_SYS (exit_group),
  SCMP_SYS (futex), SCMP_SYS (getpeername), SCMP_SYS (getpid), SCMP_SYS (getrandom), SCMP_SYS (getsockname),
  SCMP_SYS (getsockopt), SCMP_SYS (gettid), SCMP_SYS (gettimeofday), SCMP_SYS (getuid), SCMP_SYS (madvise),
  SCMP_SYS (mremap), SCMP_SYS (munmap), SCMP_SYS (poll), SCMP_SYS (ppoll), SCMP_SYS (read), SCMP_SYS (recvfrom),
  SCMP_SYS (recvmmsg), SCMP_SYS (recvmsg), SCMP_SYS (restart_syscall), SCMP_SYS (rt_sigprocmask),
  SCMP_SYS (rt_sigreturn), SCMP_SYS (sched_yield), SCMP_SYS (sendmmsg), SCMP_SYS (sendmsg), SCMP_SYS (sendto),
  SCMP_SYS (setsockopt), SCMP_SYS (shutdown), SCMP_SYS (tgkill), SCMP_SYS (write), SCMP_SYS (writev),
  /* GLib's thread may first run only now, and glibc aborts when it may not say so */
  SCMP_SYS (rseq), SCMP_SYS (set_robust_list),
};
static const int deadly[] = { SCMP_SYS (execve), SCMP_SYS (execveat), SCMP_SYS (ptrace), SCMP_SYS (process_vm_writev) };

static gboolean
fail (GError **error, const char *what)
{
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "%s: %s", what, g_strerror (errno));
  return FALSE;
}

static int
allow_socket (scmp_filter_ctx filter, int family)
{
  return seccomp_rule_add (filter, SCMP_ACT_ALLOW, SCMP_SYS (socket), 2, SCMP_A0 (SCMP_CMP_EQ, family),
                           SCMP_A1 (SCMP_CMP_MASKED_EQ, 0xf, SOCK_DGRAM));
}

/* Memory that is never code, and no flags of a descriptor but those of its own. */
static int
allow_some (scmp_filter_ctx filter)
{
  int bad = 0;

  bad |= seccomp_rule_add (filter, SCMP_ACT_ALLOW, SCMP_SYS (mmap), 2, SCMP_A2 (SCMP_CMP_MASKED_EQ, 4 /* PROT_EXEC */, 0),
                           SCMP_A3 (SCMP_CMP_MASKED_EQ, 0x20 /* MAP_ANONYMOUS */, 0x20));
  bad |= seccomp_rule_add (filter, SCMP_ACT_ALLOW, SCMP_SYS (mprotect), 1, SCMP_A2 (SCMP_CMP_MASKED_EQ, 4, 0));
  bad |= seccomp_rule_add (filter, SCMP_ACT_ALLOW, SCMP_SYS (fcntl), 1, SCMP_A1 (SCMP_CMP_EQ, F_GETFL));
  bad |= seccomp_rule_add (filter, SCMP_ACT_ALLOW, SCMP_SYS (fcntl), 1, SCMP_A1 (SCMP_CMP_EQ, F_SETFL));
  bad |= seccomp_rule_add (filter, SCMP_ACT_ALLOW, SCMP_SYS (fcntl), 1, SCMP_A1 (SCMP_CMP_EQ, F_GETFD));
  bad |= seccomp_rule_add (filter, SCMP_ACT_ALLOW, SCMP_SYS (fcntl), 1, SCMP_A1 (SCMP_CMP_EQ, F_SETFD));
  bad |= allow_socket (filter, AF_INET);
  bad |= allow_socket (filter, AF_INET6);
  /* getifaddrs(3): which addresses this machine has */
  bad |= seccomp_rule_add (filter, SCMP_ACT_ALLOW, SCMP_SYS (socket), 2, SCMP_A0 (SCMP_CMP_EQ, AF_NETLINK),
                           SCMP_A2 (SCMP_CMP_EQ, NETLINK_ROUTE));
  return bad;
}

static gboolean
load_filter (GError **error)
{
  scmp_filter_ctx filter = seccomp_init (SCMP_ACT_ERRNO (EPERM));
  int bad = filter ? allow_some (filter) : -ENOMEM;

  for (guint i = 0; filter && i < G_N_ELEMENTS (allowed); i++)
    bad |= seccomp_rule_add (filter, SCMP_ACT_ALLOW, allowed[i], 0);
  for (guint i = 0; filter && i < G_N_ELEMENTS (deadly); i++)
    bad |= seccomp_rule_add (filter, SCMP_ACT_KILL_PROCESS, deadly[i], 0);
  if (filter)
    bad |= seccomp_attr_set (filter, SCMP_FLTATR_CTL_TSYNC, 1); /* all threads */
  bad = bad ? bad : seccomp_load (filter);
  seccomp_release (filter);
  errno = bad < 0 ? -bad : 0;
  return bad == 0 || fail (error, "seccomp");
}

gboolean
pl_edge_sandbox_close_others (int keep)
{
  return syscall (SYS_close_range, keep + 1, ~0U, 0) == 0;
}

gboolean
pl_edge_sandbox_enter (GError **error)
{
  static const struct { int resource; rlim_t most; } limits[] = {
    { RLIMIT_CORE, 0 }, { RLIMIT_NPROC, 0 }, { RLIMIT_NOFILE, PL_EDGE_FILES_MAX },
  };

  for (guint i = 0; i < G_N_ELEMENTS (limits); i++)
    {
      struct rlimit limit;

      if (getrlimit (limits[i].resource, &limit) < 0)
        return fail (error, "limits");
      limit.rlim_cur = limit.rlim_max = MIN (limit.rlim_max, limits[i].most);
      if (setrlimit (limits[i].resource, &limit) < 0)
        return fail (error, "limits");
    }
  if (prctl (PR_SET_DUMPABLE, 0) < 0 || prctl (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
    return fail (error, "privileges");
  return load_filter (error);
}

/* Raw calls: the C library must not answer for the kernel. */
const char *
pl_edge_sandbox_leak (void)
{
  if (syscall (SYS_openat, AT_FDCWD, "/", O_RDONLY) >= 0 || errno != EPERM)
    return "open a folder";
  if (syscall (SYS_openat, AT_FDCWD, "/proc/self/status", O_RDONLY) >= 0 || errno != EPERM)
    return "open a file";
  if (syscall (SYS_unlinkat, AT_FDCWD, "/nonexistent", 0) >= 0 || errno != EPERM)
    return "remove a file";
  if (syscall (SYS_socket, AF_UNIX, SOCK_STREAM, 0) >= 0 || errno != EPERM)
    return "call a service of this machine";
  if (syscall (SYS_socket, AF_INET, SOCK_STREAM, 0) >= 0 || errno != EPERM)
    return "open a TCP connection";
  if (syscall (SYS_kill, 1, 0) >= 0 || errno != EPERM)
    return "signal a process";
  if (syscall (SYS_clone, 0x11 /* SIGCHLD */, NULL, NULL, NULL, 0) >= 0 || errno != EPERM)
    return "start a process";
  if (syscall (SYS_rseq, NULL, 0, 0, 0) == 0 || errno == EPERM || (syscall (SYS_set_robust_list, NULL, 0) != 0 && errno == EPERM))
    return "not let a thread begin";
  if (syscall (SYS_mmap, NULL, 4096, 7, 0x22, -1, 0) != -1 || errno != EPERM)
    return "make code";
  return NULL;
}
