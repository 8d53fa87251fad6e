// SPDX-License-Identifier: Apache-2.0

using System.Runtime.InteropServices;

namespace Weir.Linux.Interop;

/// <summary>The calls of the C library that .NET does not offer.</summary>
internal static unsafe partial class Libc
{
    // asm-generic/unistd.h; the same on all architectures since they are younger than 2018.
    private const nint NumberProcessSignal = 424;
    private const nint NumberProcessOpen = 434;
    private const nint NumberProcessGetDescriptor = 438;

    private const string Library = "libc";

    // int socket(int domain, int type, int protocol);
    [LibraryImport(Library, EntryPoint = "socket", SetLastError = true)]
    internal static partial int Socket(int domain, int type, int protocol);

    // int bind(int sockfd, const struct sockaddr *addr, socklen_t addrlen);
    [LibraryImport(Library, EntryPoint = "bind", SetLastError = true)]
    internal static partial int Bind(int socket, void* address, uint length);

    // int setsockopt(int sockfd, int level, int optname, const void *optval, socklen_t optlen);
    [LibraryImport(Library, EntryPoint = "setsockopt", SetLastError = true)]
    internal static partial int SetSocketOption(int socket, int level, int option, void* value, uint length);

    // int getsockopt(int sockfd, int level, int optname, void *optval, socklen_t *optlen);
    [LibraryImport(Library, EntryPoint = "getsockopt", SetLastError = true)]
    internal static partial int GetSocketOption(int socket, int level, int option, void* value, uint* length);

    // ssize_t send(int sockfd, const void *buf, size_t len, int flags);
    [LibraryImport(Library, EntryPoint = "send", SetLastError = true)]
    internal static partial nint Send(int socket, void* buffer, nuint length, int flags);

    // ssize_t recv(int sockfd, void *buf, size_t len, int flags);
    [LibraryImport(Library, EntryPoint = "recv", SetLastError = true)]
    internal static partial nint Receive(int socket, void* buffer, nuint length, int flags);

    // int open(const char *pathname, int flags, mode_t mode);
    [LibraryImport(Library, EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int Open(string path, int flags, uint mode);

    // int fcntl(int fd, int cmd, int arg);
    [LibraryImport(Library, EntryPoint = "fcntl", SetLastError = true)]
    internal static partial int Fcntl(int fd, int command, int argument);

    // int close(int fd);
    [LibraryImport(Library, EntryPoint = "close", SetLastError = true)]
    internal static partial int Close(int fd);

    // ssize_t read(int fd, void *buf, size_t count);
    [LibraryImport(Library, EntryPoint = "read", SetLastError = true)]
    internal static partial nint ReadNext(int fd, void* buffer, nuint count);

    // ssize_t pread(int fd, void *buf, size_t count, off_t offset);
    [LibraryImport(Library, EntryPoint = "pread", SetLastError = true)]
    internal static partial nint Read(int fd, void* buffer, nuint count, long offset);

    // ssize_t pwrite(int fd, const void *buf, size_t count, off_t offset);
    [LibraryImport(Library, EntryPoint = "pwrite", SetLastError = true)]
    internal static partial nint Write(int fd, void* buffer, nuint count, long offset);

    // int ftruncate(int fd, off_t length);
    [LibraryImport(Library, EntryPoint = "ftruncate", SetLastError = true)]
    internal static partial int Truncate(int fd, long length);

    // int fsync(int fd);
    [LibraryImport(Library, EntryPoint = "fsync", SetLastError = true)]
    internal static partial int Sync(int fd);

    // int setxattr(const char *path, const char *name, const void *value, size_t size, int flags);
    [LibraryImport(Library, EntryPoint = "setxattr", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int SetAttribute(string path, string name, void* value, nuint size, int flags);

    // int chown(const char *pathname, uid_t owner, gid_t group);
    [LibraryImport(Library, EntryPoint = "chown", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int ChangeOwner(string path, uint user, uint group);

    // mode_t umask(mode_t mask);
    [LibraryImport(Library, EntryPoint = "umask")]
    internal static partial uint SetCreationMask(uint mask);

    // int flock(int fd, int operation);
    [LibraryImport(Library, EntryPoint = "flock", SetLastError = true)]
    internal static partial int Flock(int fd, int operation);

    // int setns(int fd, int nstype);
    [LibraryImport(Library, EntryPoint = "setns", SetLastError = true)]
    internal static partial int SetNamespace(int fd, int type);

    // int unshare(int flags);
    [LibraryImport(Library, EntryPoint = "unshare", SetLastError = true)]
    internal static partial int Unshare(int flags);

    // int mount(const char *source, const char *target, const char *type, unsigned long flags, const void *data);
    [LibraryImport(Library, EntryPoint = "mount", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int Mount(string source, string target, string type, nuint flags, string? data);

    // int umount2(const char *target, int flags);
    [LibraryImport(Library, EntryPoint = "umount2", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int Unmount(string target, int flags);

    // int statfs(const char *path, struct statfs *buf);
    [LibraryImport(Library, EntryPoint = "statfs", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int StatFileSystem(string path, void* buffer);

    // int statx(int dirfd, const char *pathname, int flags, unsigned int mask, struct statx *statxbuf);
    [LibraryImport(Library, EntryPoint = "statx", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int Stat(int folder, string path, int flags, uint mask, void* buffer);

    // int clock_gettime(clockid_t clockid, struct timespec *tp);
    [LibraryImport(Library, EntryPoint = "clock_gettime", SetLastError = true)]
    internal static partial int GetTime(int clock, long* timespec);

    // int accept4(int sockfd, struct sockaddr *addr, socklen_t *addrlen, int flags);
    [LibraryImport(Library, EntryPoint = "accept4", SetLastError = true)]
    internal static partial int Accept(int socket, void* address, uint* length, int flags);

    // int connect(int sockfd, const struct sockaddr *addr, socklen_t addrlen);
    [LibraryImport(Library, EntryPoint = "connect", SetLastError = true)]
    internal static partial int Connect(int socket, void* address, uint length);

    // int listen(int sockfd, int backlog);
    [LibraryImport(Library, EntryPoint = "listen", SetLastError = true)]
    internal static partial int Listen(int socket, int backlog);

    // int shutdown(int sockfd, int how);
    [LibraryImport(Library, EntryPoint = "shutdown", SetLastError = true)]
    internal static partial int Shutdown(int socket, int how);

    // int getsockname(int sockfd, struct sockaddr *addr, socklen_t *addrlen);
    [LibraryImport(Library, EntryPoint = "getsockname", SetLastError = true)]
    internal static partial int GetSocketName(int socket, void* address, uint* length);

    // int epoll_create1(int flags);
    [LibraryImport(Library, EntryPoint = "epoll_create1", SetLastError = true)]
    internal static partial int EpollCreate(int flags);

    // int epoll_ctl(int epfd, int op, int fd, struct epoll_event *event);
    [LibraryImport(Library, EntryPoint = "epoll_ctl", SetLastError = true)]
    internal static partial int EpollControl(int epoll, int operation, int fd, void* e);

    // int epoll_wait(int epfd, struct epoll_event *events, int maxevents, int timeout);
    [LibraryImport(Library, EntryPoint = "epoll_wait", SetLastError = true)]
    internal static partial int EpollWait(int epoll, void* events, int most, int timeoutMs);

    // int eventfd(unsigned int initval, int flags);
    [LibraryImport(Library, EntryPoint = "eventfd", SetLastError = true)]
    internal static partial int EventFd(uint initial, int flags);

    // ssize_t read(int fd, void *buf, size_t count);
    [LibraryImport(Library, EntryPoint = "read", SetLastError = true)]
    internal static partial nint ReadFile(int fd, void* buffer, nuint count);

    // ssize_t write(int fd, const void *buf, size_t count);
    [LibraryImport(Library, EntryPoint = "write", SetLastError = true)]
    internal static partial nint WriteFile(int fd, void* buffer, nuint count);

    // pid_t setsid(void);
    [LibraryImport(Library, EntryPoint = "setsid", SetLastError = true)]
    internal static partial int SetSession();

    // int getrlimit(int resource, struct rlimit *rlim);
    [LibraryImport(Library, EntryPoint = "getrlimit", SetLastError = true)]
    internal static partial int GetLimit(int resource, ulong* limits);

    // int setrlimit(int resource, const struct rlimit *rlim);
    [LibraryImport(Library, EntryPoint = "setrlimit", SetLastError = true)]
    internal static partial int SetLimit(int resource, ulong* limits);

    // long syscall(long number, ...); older C libraries have no names for these.
    [LibraryImport(Library, EntryPoint = "syscall", SetLastError = true)]
    private static partial nint SystemCall(nint number, nint first, nint second, nint third, nint fourth);

    // int poll(struct pollfd *fds, nfds_t nfds, int timeout);
    [LibraryImport(Library, EntryPoint = "poll", SetLastError = true)]
    internal static partial int Poll(void* descriptors, nuint count, int timeoutMs);

    // int pidfd_open(pid_t pid, unsigned int flags);
    internal static int ProcessOpen(int pid) => (int)SystemCall(NumberProcessOpen, pid, 0, 0, 0);

    // int pidfd_getfd(int pidfd, int targetfd, unsigned int flags);
    internal static int ProcessGetDescriptor(int process, int fd) => (int)SystemCall(NumberProcessGetDescriptor, process, fd, 0, 0);

    // int pidfd_send_signal(int pidfd, int sig, siginfo_t *info, unsigned int flags);
    internal static int ProcessSignal(int process, int signal) => (int)SystemCall(NumberProcessSignal, process, signal, 0, 0);
}
