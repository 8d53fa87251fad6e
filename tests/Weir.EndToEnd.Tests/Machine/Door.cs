// SPDX-License-Identifier: Apache-2.0
namespace Weir.EndToEnd.Tests.Machine;

/// <summary>A way from one place to another, and what shall come of trying it: "open", "closed", an HTTP status.</summary>
internal sealed record Door(string From, string To, string Protocol, string Address, int Port, string Path, string Expect)
{
    internal string Name => $"{From} → {To} {(Protocol == "ping" ? "ping" : $"{Port}/{Protocol}")}{Path} ({(Address.Contains(':', StringComparison.Ordinal) ? "IPv6" : "IPv4")} {Address})";

    /// <summary>Whether an outcome of Tools/doors.py is the one that shall be. Silence and every refusal close; a
    /// connection that opens and then says nothing does not.</summary>
    internal bool IsAsExpected(string outcome) => Expect == "closed" ? outcome is "silent" || outcome.StartsWith('E') : outcome == Expect;
}
