// SPDX-License-Identifier: Apache-2.0

using Weir.Agent.Hubble;

namespace Weir.Agent;

/// <summary>Files of the agent, in folders that may be others' too: "--socket /run/x.sock" keeps its lock in /run.</summary>
internal static class OwnFolders
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    /// <summary>What there is of the configured agent's.</summary>
    internal static IEnumerable<string> Find(AgentConfig config, bool keepsState) =>
        [.. Folders(config, keepsState).Where(Directory.Exists), .. Files(config).Where(File.Exists)];

    /// <summary>Removes it, and the agent's folder if nothing else is in it.</summary>
    /// <returns>What stays, since others can reach it and so may have things in it.</returns>
    internal static IReadOnlyList<string> Remove(AgentConfig config, bool keepsState)
    {
        List<string> left = [];
        foreach (string folder in Folders(config, keepsState).Where(Directory.Exists))
        {
            if (File.GetUnixFileMode(folder) == OwnerOnly)
            {
                Directory.Delete(folder, recursive: true);
            }
            else
            {
                left.Add(folder);
            }
        }

        foreach (string file in Files(config))
        {
            Delete(file);
        }

        if (Directory.Exists(config.RunFolder) && !Directory.EnumerateFileSystemEntries(config.RunFolder).Any())
        {
            Directory.Delete(config.RunFolder);
        }

        return left;
    }

    /// <summary>Not even its folder need be there.</summary>
    private static void Delete(string file)
    {
        if (File.Exists(file))
        {
            File.Delete(file);
        }
    }

    /// <summary>What outlives the host's restart stays where it is kept.</summary>
    private static string[] Folders(AgentConfig config, bool keepsState) =>
        keepsState ? [AgentHost.StateIn(config.RunFolder)] : [config.StateFolder, AgentHost.StateIn(config.RunFolder)];

    private static string[] Files(AgentConfig config) =>
        [config.Socket, config.ReadSocket, config.PluginSocket, .. HubbleDoor.SocketOf(config) is { Length: > 0 } hubble ? [hubble] : Array.Empty<string>(), ProxyCommand.SocketIn(config.RunFolder), AgentHost.LockFile(config.RunFolder)];
}
