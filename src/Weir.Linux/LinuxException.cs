// SPDX-License-Identifier: Apache-2.0

using System.Runtime.InteropServices;
using Weir.Net;

namespace Weir.Linux;

/// <summary>The kernel refused something. The message says what was being done to which object.</summary>
public class LinuxException : WeirException
{
    /// <param name="errno">Positive error number.</param>
    /// <param name="what">What was being done, with the object's name: "create veth weir1a2b3c4d".</param>
    /// <param name="detail">The kernel's own words, if it gave any.</param>
    public LinuxException(int errno, string what, string? detail = null)
        : base(Describe(errno, what, detail)) => Number = errno;

    /// <summary>Positive error number; see <see cref="Errno"/>.</summary>
    public int Number { get; }

    /// <summary>The kernel's words for an error number: "Connection refused".</summary>
    public static string Words(int errno) => Marshal.GetPInvokeErrorMessage(errno);

    /// <summary>The error number of the last call made by this thread.</summary>
    internal static int LastNumber => Marshal.GetLastPInvokeError();

    /// <summary>From the error number of the last call made by this thread.</summary>
    public static LinuxException Last(string what) => new(Marshal.GetLastPInvokeError(), what);

    private static string Describe(int errno, string what, string? detail)
    {
        string text = $"{what}: {Marshal.GetPInvokeErrorMessage(errno)} ({Errno.Name(errno)})";
        if (!string.IsNullOrEmpty(detail))
        {
            text += $": {detail}";
        }

        return errno is Errno.NotPermitted or Errno.AccessDenied
            ? text + "; run as root (CAP_BPF, CAP_NET_ADMIN and CAP_SYS_ADMIN are needed)"
            : text;
    }
}
