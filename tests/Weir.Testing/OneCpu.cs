// SPDX-License-Identifier: Apache-2.0
using System.ComponentModel;
using System.Numerics;
using System.Runtime.InteropServices;

namespace Weir.Testing;

/// <summary>While it lives, its thread is on one processor: for programs that keep something for each.</summary>
public sealed class OneCpu : IDisposable
{
    private readonly ulong[] _before = new ulong[16];

    public OneCpu()
    {
        Check(GetAffinity(0, sizeof(ulong) * _before.Length, _before));
        int word = Array.FindIndex(_before, bits => bits != 0);
        ulong[] one = new ulong[_before.Length];
        one[word] = 1UL << BitOperations.TrailingZeroCount(_before[word]);
        Check(SetAffinity(0, sizeof(ulong) * one.Length, one));
    }

    public void Dispose() => Check(SetAffinity(0, sizeof(ulong) * _before.Length, _before));

    private static void Check(int result)
    {
        if (result < 0)
        {
            throw new Win32Exception(Marshal.GetLastPInvokeError());
        }
    }

#pragma warning disable SYSLIB1054 // needs code that is unsafe, which no test has
    [DllImport("libc", EntryPoint = "sched_getaffinity", SetLastError = true)]
    private static extern int GetAffinity(int thread, nint size, [Out] ulong[] processors);

    [DllImport("libc", EntryPoint = "sched_setaffinity", SetLastError = true)]
    private static extern int SetAffinity(int thread, nint size, ulong[] processors);
#pragma warning restore SYSLIB1054
}
