// SPDX-License-Identifier: Apache-2.0

namespace Weir.Linux;

/// <summary>The error numbers that code here tells apart.</summary>
public static class Errno
{
    public const int NotPermitted = 1;
    public const int NoEntry = 2;
    public const int NoSuchProcess = 3;
    public const int Interrupted = 4;
    public const int TooBig = 7;
    public const int BadDescriptor = 9;
    public const int TryAgain = 11;
    public const int NoMemory = 12;
    public const int AccessDenied = 13;
    public const int Busy = 16;
    public const int Exists = 17;
    public const int NoDevice = 19;
    public const int Invalid = 22;
    public const int TooManyFiles = 24;
    public const int NoSpace = 28;
    public const int BrokenPipe = 32;
    public const int NoLink = 67;
    public const int ProtocolNotSupported = 93;
    public const int NotSupported = 95;
    public const int NotSupportedFamily = 97;
    public const int AddressInUse = 98;
    public const int AddressNotAvailable = 99;
    public const int ConnectionReset = 104;
    public const int NetworkUnreachable = 101;
    public const int NoBuffers = 105;
    public const int TimedOut = 110;
    public const int ConnectionRefused = 111;
    public const int HostUnreachable = 113;
    public const int InProgress = 115;
    public const int KernelNotSupported = 524;

    /// <summary>The symbol of the number, such as "EPERM", or "errno N".</summary>
    public static string Name(int errno) => errno switch
    {
        NotPermitted => "EPERM",
        NoEntry => "ENOENT",
        NoSuchProcess => "ESRCH",
        Interrupted => "EINTR",
        TooBig => "E2BIG",
        BadDescriptor => "EBADF",
        TryAgain => "EAGAIN",
        NoMemory => "ENOMEM",
        AccessDenied => "EACCES",
        Busy => "EBUSY",
        Exists => "EEXIST",
        NoDevice => "ENODEV",
        NoLink => "ENOLINK",
        Invalid => "EINVAL",
        NoSpace => "ENOSPC",
        ProtocolNotSupported => "EPROTONOSUPPORT",
        NotSupported => "EOPNOTSUPP",
        TooManyFiles => "EMFILE",
        BrokenPipe => "EPIPE",
        NotSupportedFamily => "EAFNOSUPPORT",
        AddressInUse => "EADDRINUSE",
        AddressNotAvailable => "EADDRNOTAVAIL",
        ConnectionReset => "ECONNRESET",
        TimedOut => "ETIMEDOUT",
        ConnectionRefused => "ECONNREFUSED",
        InProgress => "EINPROGRESS",
        NetworkUnreachable => "ENETUNREACH",
        HostUnreachable => "EHOSTUNREACH",
        NoBuffers => "ENOBUFS",
        KernelNotSupported => "ENOTSUPP",
        _ => $"errno {errno}",
    };
}
