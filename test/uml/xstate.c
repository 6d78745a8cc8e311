/*
 * Preloaded into linux.uml. User-Mode Linux 6.1 keeps a process's floating-point state in a buffer of fixed size and hands
 * it to PTRACE_SETREGSET(NT_X86_XSTATE). On a CPU whose XSAVE area is larger (AMX: 11,008 bytes) the host kernel refuses a
 * short one with EFAULT or EINVAL, and the guest dies. This ptrace() reads the whole area first, lays the guest's bytes over
 * its beginning and writes the whole back.
 */
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define PTRACE_PEEKTEXT 1
#define PTRACE_PEEKUSER 3
#define PTRACE_GETREGSET 0x4204
#define PTRACE_SETREGSET 0x4205
#define NT_X86_XSTATE 0x202

static long set_xstate(long pid, struct iovec *given)
{
	static char area[1 << 16] __attribute__((aligned(64)));
	struct iovec whole = { .iov_base = area, .iov_len = sizeof(area) };

	if (syscall(SYS_ptrace, PTRACE_GETREGSET, pid, NT_X86_XSTATE, &whole) < 0)
		return -1;
	if (given->iov_len >= whole.iov_len)
		return syscall(SYS_ptrace, PTRACE_SETREGSET, pid, NT_X86_XSTATE, given);
	memcpy(area, given->iov_base, given->iov_len);
	return syscall(SYS_ptrace, PTRACE_SETREGSET, pid, NT_X86_XSTATE, &whole);
}

long ptrace(int request, ...)
{
	va_list args;

	va_start(args, request);
	long pid = va_arg(args, int);
	void *addr = va_arg(args, void *);
	void *data = va_arg(args, void *);
	va_end(args);

	if (request == PTRACE_SETREGSET && (long)addr == NT_X86_XSTATE)
		return set_xstate(pid, data);
	/* The system call stores what it peeked at `data`; the library function returns it. */
	if (request >= PTRACE_PEEKTEXT && request <= PTRACE_PEEKUSER) {
		long word = 0;

		if (syscall(SYS_ptrace, request, pid, addr, &word) < 0)
			return -1;
		errno = 0;
		return word;
	}
	return syscall(SYS_ptrace, request, pid, addr, data);
}
