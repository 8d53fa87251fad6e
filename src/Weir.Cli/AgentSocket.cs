// SPDX-License-Identifier: Apache-2.0

namespace Weir.Cli;

/// <summary>Where the agent is asked.</summary>
public static class AgentSocket
{
    /// <summary>The folder of all that outlives the agent's restart only.</summary>
    public const string DefaultFolder = "/run/weir";

    /// <summary>Where nobody says otherwise.</summary>
    public const string Default = DefaultFolder + "/weir.sock";

    /// <summary>By which those ask who may look and not change: "/run/weir/weir-read.sock" beside "/run/weir/weir.sock".</summary>
    public static string ReadersOf(string socket) =>
        Path.Combine(Path.GetDirectoryName(socket) ?? "", $"{Path.GetFileNameWithoutExtension(socket)}-read{Path.GetExtension(socket)}");
}
