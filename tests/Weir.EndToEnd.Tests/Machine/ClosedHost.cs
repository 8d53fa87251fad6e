// SPDX-License-Identifier: Apache-2.0
namespace Weir.EndToEnd.Tests.Machine;

/// <summary>A machine whose agent is new and not told about published ports.</summary>
public sealed class ClosedHost : IDisposable
{
    public DockerHost Machine { get; } = new(HostShape.Plain with { PublishedPorts = null });

    public void Dispose() => Machine.Dispose();
}
