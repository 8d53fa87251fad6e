// SPDX-License-Identifier: Apache-2.0
namespace Weir.Proxy;

/// <summary>Where the proxy finds things, and how much it takes on.</summary>
public sealed record ProxyOptions
{
    /// <summary>The proxy's own socket, for the agent and for its successor.</summary>
    public string Socket { get; init; } = "/run/weir/proxy.sock";

    /// <summary>Where the datapath is pinned.</summary>
    public required string PinRoot { get; init; }

    /// <summary>Threads that serve connections.</summary>
    public int Workers { get; init; } = Math.Clamp(Environment.ProcessorCount, 1, 16);

    /// <summary>Connections of one local endpoint at a time; no container can take them all.</summary>
    public int MostConnectionsPerEndpoint { get; init; } = 16384;

    /// <summary>Time for a request's head to arrive once it has begun, and for a server to accept.</summary>
    public TimeSpan HeadTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How long a proxy that has a successor waits for its connections to end.</summary>
    public TimeSpan DrainTimeout { get; init; } = TimeSpan.FromHours(1);

    /// <summary>Told to agents.</summary>
    public required string Version { get; init; }
}
