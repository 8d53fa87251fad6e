// SPDX-License-Identifier: Apache-2.0

using System.Runtime.ExceptionServices;
using Weir.Linux.Interop;

namespace Weir.Linux;

/// <summary>Work inside another network namespace.</summary>
/// <remarks>setns(2) changes one thread, so the work runs on a thread of its own that ends with it.
/// It must be system calls and little else: a task, timer or process started from there could take
/// the thread pool into that namespace.</remarks>
public static class NetworkNamespace
{
    private const int NewNetwork = 0x40000000; // CLONE_NEWNET

    /// <summary>Opens the calling thread's namespace.</summary>
    public static FileDescriptor OpenCurrent() => FileDescriptor.OpenRead("/proc/thread-self/ns/net");

    /// <summary>The number by which the kernel knows the calling thread's namespace; none gets it again until the
    /// host restarts.</summary>
    public static unsafe ulong CurrentCookie()
    {
        const int Unix = 1;
        const int Datagram = 2;
        const int LevelSocket = 1;
        const int NamespaceCookie = 71; // SO_NETNS_COOKIE
        using var socket = new FileDescriptor(Libc.Socket(Unix, Datagram, 0));
        ulong cookie = 0;
        uint length = sizeof(ulong);
        return !socket.IsInvalid && Libc.GetSocketOption(socket.Number, LevelSocket, NamespaceCookie, &cookie, &length) == 0
            ? cookie
            : throw LinuxException.Last("ask for the network namespace's cookie");
    }

    /// <summary>The cookie of the namespace at a path.</summary>
    public static ulong CookieOf(string path) => Run(path, CurrentCookie);

    /// <summary>Runs the work in the namespace at a path such as /run/docker/netns/1a2b3c.</summary>
    public static T Run<T>(string path, Func<T> work)
    {
        using FileDescriptor target = FileDescriptor.OpenRead(path);
        return Run(target, path, work);
    }

    /// <summary>Runs the work in an open namespace; the name serves messages.</summary>
    public static T Run<T>(FileDescriptor target, string name, Func<T> work) => OnOwnThread(
        () =>
        {
            if (Libc.SetNamespace(target.Number, NewNetwork) != 0)
            {
                throw LinuxException.Last($"enter network namespace {name}");
            }
        },
        work);

    /// <summary>Makes a new namespace with nothing but a loopback that is down. It lives as long as
    /// the descriptor, or something in it, does.</summary>
    public static FileDescriptor Create() => OnOwnThread(
        () =>
        {
            if (Libc.Unshare(NewNetwork) != 0)
            {
                throw LinuxException.Last("create a network namespace");
            }
        },
        OpenCurrent);

    private static T OnOwnThread<T>(Action enter, Func<T> work)
    {
        T? result = default;
        ExceptionDispatchInfo? failure = null;
        GuardedThread.Once(
            "netns",
            () =>
            {
                enter();
                result = work();
            },
            e => failure = ExceptionDispatchInfo.Capture(e)).UnsafeStart().Join();
        failure?.Throw();
        return result!;
    }
}
