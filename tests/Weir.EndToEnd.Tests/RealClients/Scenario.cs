// SPDX-License-Identifier: Apache-2.0
namespace Weir.EndToEnd.Tests.RealClients;

/// <summary>What a real client does at a real server, and what is printed of it.</summary>
/// <param name="Name">Client and server.</param>
/// <param name="Run">Does it by one of the two ways; what it returns must be the same by both.</param>
/// <param name="Expect">What must be in it, so that two equal failures are none.</param>
public sealed record Scenario(string Name, Func<Lab, Way, string> Run, string Expect)
{
    /// <summary>A command in the client's network; {A} is the server's address.</summary>
    public Scenario(string name, string expect, params string[] command)
        : this(name, (lab, way) => lab.Run(way, command), expect)
    {
    }
}
