// SPDX-License-Identifier: Apache-2.0

using Microsoft.AspNetCore.Server.Kestrel.Core;
using Weir.Linux;
using Weir.Cli;

namespace Weir.Agent;

/// <summary>The agent's doors: a socket for whoever may change things, one for whoever may look, one for Docker. The
/// kernel asks for the groups, by the sockets' own modes: the folder is not the agent's alone.</summary>
/// <param name="hubble">The one for Hubble's clients, of whoever may look or change; empty: there is none.</param>
internal sealed class AgentSockets(AgentConfig config, string hubble)
{
    private const UnixFileMode OwnerAndGroup = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.GroupWrite;
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private const UnixFileMode OpenFolder = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute
        | UnixFileMode.GroupRead | UnixFileMode.GroupExecute | UnixFileMode.OtherRead | UnixFileMode.OtherExecute;

    /// <summary>Without the group, there is nobody for whom the socket would be.</summary>
    private readonly uint? _readers = FileGroup.Find(config.ReadGroup);

    /// <summary>Makes the folder that sockets, lock and state are in.</summary>
    internal static void MakeFolder(AgentConfig config)
    {
        Directory.CreateDirectory(config.RunFolder, OpenFolder);
        if (config.RunFolder == AgentSocket.DefaultFolder)
        {
            // Earlier versions, and their units, let nobody in but one group.
            File.SetUnixFileMode(config.RunFolder, OpenFolder);
        }
    }

    internal void Listen(KestrelServerOptions kestrel)
    {
        ListenForCommands(kestrel, config.Socket, mayChange: true);
        if (_readers is not null)
        {
            ListenForCommands(kestrel, config.ReadSocket, mayChange: false);
        }

        kestrel.ListenUnixSocket(config.PluginSocket, listen => listen.Protocols = HttpProtocols.Http1);
    }

    /// <summary>Removes what an agent before left; this process holds the lock.</summary>
    internal void Clear()
    {
        foreach (string path in new[] { config.Socket, config.ReadSocket, config.PluginSocket, hubble }.Where(path => path.Length > 0))
        {
            File.Delete(path);
        }
    }

    /// <summary>Lets the groups in.</summary>
    internal void Share(ILogger log)
    {
        if (FileGroup.Find(config.Group) is { } group)
        {
            FileGroup.Set(config.Socket, group);
        }
        else
        {
            Log.NoGroup(log, config.Group, config.Socket);
        }

        File.SetUnixFileMode(config.Socket, OwnerAndGroup);
        if (_readers is { } readers)
        {
            FileGroup.Set(config.ReadSocket, readers);
            File.SetUnixFileMode(config.ReadSocket, OwnerAndGroup);
        }

        File.SetUnixFileMode(config.PluginSocket, OwnerOnly);
        if (hubble.Length > 0)
        {
            File.SetUnixFileMode(hubble, OwnerOnly);
            Admit([.. new[] { FileGroup.Find(config.Group), _readers }.OfType<uint>()], log);
        }
    }

    /// <summary>A file has one group; where it can have no more, those come in who may look.</summary>
    private void Admit(uint[] groups, ILogger log)
    {
        if (groups.Length == 0)
        {
            return;
        }

        try
        {
            FileGroup.Admit(hubble, groups);
        }
        catch (LinuxException e)
        {
            FileGroup.Set(hubble, groups[^1]);
            File.SetUnixFileMode(hubble, OwnerAndGroup);
            Log.NoLists(log, hubble, FileGroup.NameOf(hubble) ?? "", e.Message);
        }
    }

    private static void ListenForCommands(KestrelServerOptions kestrel, string path, bool mayChange) => kestrel.ListenUnixSocket(path, listen =>
    {
        listen.Protocols = HttpProtocols.Http2;
        listen.Use(Caller.Note(mayChange));
    });
}
