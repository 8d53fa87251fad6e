// SPDX-License-Identifier: Apache-2.0
namespace Weir.EndToEnd.Tests.Machine;

/// <summary>See <see cref="OtherVerdictHost"/>.</summary>
public sealed class OtherVerdictMachine : IDisposable
{
    public DockerHost Host { get; } = new(HostShape.Plain with { HttpVerdict = "proxy" });

    public void Dispose() => Host.Dispose();
}
