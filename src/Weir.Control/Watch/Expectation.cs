// SPDX-License-Identifier: Apache-2.0
namespace Weir.Control.Watch;

/// <summary>One thing that must be so for Weir to work, and that another program can take away. Whoever puts something
/// into kernel or host says so in an <c>Expect()</c> of its own, which <see cref="Watchdog"/> asks; to put it there for
/// the first time is to call <see cref="MakeSo"/>. See docs/guides/watchdog.md.</summary>
/// <param name="Kind">Of a few, for metrics and the log: "route", "rule", "program".</param>
/// <param name="What">Which one, for people: "route 10.210.0.2/32 to weir1a2b3c4d".</param>
/// <param name="IsSo">Compares without changing anything; called beside the writer's thread, every second.</param>
/// <param name="MakeSo">Puts it back, quickly; called on the writer's thread. Refusals are LinuxExceptions and the like.</param>
internal sealed record Expectation(string Kind, string What, Func<HostPicture, bool> IsSo, Action MakeSo)
{
    /// <summary>The endpoint that suffers while it is not so; 0: the host.</summary>
    internal ushort Endpoint { get; init; }

    /// <summary>Whether only IPv6 needs it: not expected where IPv6 is off.</summary>
    internal bool IsIpv6 { get; init; }
}
