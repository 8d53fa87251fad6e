// SPDX-License-Identifier: Apache-2.0

using System.Net;
using Weir.Control.State;

namespace Weir.Control;

/// <summary>A published port, and who comes in by it beside this host and its containers.</summary>
/// <param name="Container">Its name.</param>
/// <param name="Open">Empty: nobody.</param>
public sealed record PublishedPortView(string Container, PublishedPort Port, IReadOnlyList<OpenDoor> Open)
{
    /// <summary>Whether whoever reaches this host reaches the container.</summary>
    public bool IsOpenToWorld => Open.Any(door => door is { To: Publishing.PublishText.World, IsDenied: false });

    /// <summary>Whether only this host itself can reach it, as its address is the loopback's.</summary>
    public bool IsHostOnly => Port.HostAddress is { } address && IPAddress.IsLoopback(address);
}
