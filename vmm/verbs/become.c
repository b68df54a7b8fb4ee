/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Root's rights are given up for those of another user, for good (capabilities(7), keyrings(7),
 * credentials(7)). What is left of root's on purpose: limits, priorities, the control group, umask and
 * ignored signals, which are how the operator started the guest. Main thread only.
 */
#include "become.h"

#include <base/error.h>
#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <linux/securebits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What login(1) gives an ordinary user. */
#define USER_PATH "/usr/local/bin:/usr/bin:/bin"

/* Root's id means nothing to this process and its children, should --user be root. */
#define SECUREBITS                                                            \
	(SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_CAP_AMBIENT_RAISE | \
	 SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED)

static int drop_bounds(void)
{
	int bits = prctl(PR_GET_SECUREBITS);

	if (bits < 0 || prctl(PR_SET_SECUREBITS, bits | SECUREBITS))
		return -errno;
	for (int cap = 0; prctl(PR_CAPBSET_READ, cap) >= 0; cap++)
		if (prctl(PR_CAPBSET_DROP, cap))
			return -errno;
	return prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) ? -errno : 0;
}

static int drop_capabilities(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[2] = { { 0 }, { 0 } };

	if (syscall(SYS_capset, &header, none) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -errno;
	return 0;
}

/*
 * A session keyring is inherited and gives its keys to whoever has it, whatever his id; the other
 * keyrings follow the id, or end with exec. Where there are no keyrings (ENOSYS), or the calls are
 * forbidden to all that comes after as well (EPERM, of a container's filter), there is none to read.
 */
static int leave_keyring(void)
{
	if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) < 0 && errno != ENOSYS &&
	    errno != EPERM)
		return -errno;
	return 0;
}

static int become(const struct passwd *user)
{
	int r;

	if (initgroups(user->pw_name, user->pw_gid))
		return -errno;
	r = drop_bounds();
	if (!r && (setresgid(user->pw_gid, user->pw_gid, user->pw_gid) ||
		   setresuid(user->pw_uid, user->pw_uid, user->pw_uid)))
		r = -errno;
	if (!r)
		r = drop_capabilities();
	return r ? r : leave_keyring();
}

int become_user(const struct passwd *user)
{
	int r = become(user);

	return r ? fail(STATUS_HOST, -r, "--user %s: cannot become that user: %s; run as root",
			user->pw_name, strerror(-r))
		 : 0;
}

int become_at_home(const struct passwd *user)
{
	const char *term = getenv("TERM");
	char *kept = term ? strdup(term) : NULL;
	int r;

	/* Through the folder it is in, a process reads what its user could not get at. */
	if (chdir(user->pw_dir) && chdir("/")) {
		free(kept);
		return fail(STATUS_HOST, errno, "/: %s", strerror(errno));
	}
	r = clearenv();
	r |= setenv("PATH", USER_PATH, 1);
	r |= setenv("HOME", user->pw_dir, 1);
	r |= setenv("USER", user->pw_name, 1);
	r |= setenv("LOGNAME", user->pw_name, 1);
	r |= setenv("SHELL", *user->pw_shell ? user->pw_shell : "/bin/sh", 1);
	if (kept)
		r |= setenv("TERM", kept, 1);
	free(kept);
	return r ? fail(STATUS_FAILURE, ENOMEM, "environment: out of memory") : 0;
}
