// SPDX-License-Identifier: Apache-2.0

using Weir.Net;

namespace Weir.Bpf;

/// <summary>The kernel refused to load a program. The message has the last lines of the verifier's log.</summary>
public sealed class VerifierException : WeirException
{
    private const int ShownLines = 20;

    public VerifierException(string objectName, int errno, string log)
        : base(Describe(objectName, errno, log)) => Log = log;

    /// <summary>The whole log.</summary>
    public string Log { get; } = "";

    private static string Describe(string objectName, int errno, string log)
    {
        string[] lines = log.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        int omitted = Math.Max(0, lines.Length - ShownLines);
        string head = $"load {objectName}: {Linux.Errno.Name(errno)}" + (omitted > 0 ? $" ({omitted} lines omitted)" : "");
        return string.Join('\n', lines.Skip(omitted).Prepend(head));
    }
}
