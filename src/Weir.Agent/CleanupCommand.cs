// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using Weir.Cli;
using Weir.Control;
using Weir.Linux;
using Weir.Net;
using Weir.Proxy;
using Weir.Store;

namespace Weir.Agent;

/// <summary>"weir cleanup": removes every trace of the configured agent from the host.</summary>
internal static class CleanupCommand
{
    /// <summary>Where the agent keeps what has to go.</summary>
    private static readonly string[] _settings = ["socket", "state", "pin-root", "plugin-socket"];

    internal static Command Build()
    {
        var command = new Command("cleanup", "Remove every trace of Weir: links, programs, maps, routes, iptables chains, sysctls, state (as root; no agent may run).");
        var yes = new Option<bool>("--yes", "-y") { Description = "do not ask" };
        command.Options.Add(yes);
        var keep = new Option<bool>("--keep-state") { Description = "leave networks, policy and record: an agent that is started later goes on with them, as after a restart of the host" };
        command.Options.Add(keep);
        var flags = new AgentFlags(command, setting => _settings.Contains(setting.Name));
        command.SetAction(parsed =>
        {
            if (!Environment.IsPrivilegedProcess)
            {
                return Fail("removing programs and links needs root: run 'sudo weir cleanup'");
            }

            if (flags.Read(parsed, "weir cleanup") is not { } config)
            {
                return ExitCodes.BadInput;
            }

            try
            {
                return Run(config, parsed.GetValue(yes), parsed.GetValue(keep));
            }
            catch (LinuxException e) when (e.Number == Errno.TryAgain)
            {
                return Fail($"the agent runs: stop it first ({e.Message})");
            }
            catch (Exception e) when (WeirException.IsExpected(e))
            {
                return Fail(e.Message);
            }
        });
        return command.WithExample("sudo weir cleanup", "sudo weir cleanup --yes", "sudo weir cleanup --config /etc/weir/agent.yaml");
    }

    private static int Run(AgentConfig config, bool yes, bool keepsState)
    {
        string pins = config.Datapath.PinRoot;

        // Both: an agent with its sockets elsewhere has the same maps.
        using FileLock? alone = File.Exists(AgentHost.LockFile(config.RunFolder)) ? FileLock.Acquire(AgentHost.LockFile(config.RunFolder)) : null;
        using FileLock? pinsAlone = Directory.Exists(pins) ? FileLock.AcquireFolder(pins) : null;
        using RecordStore? store = OpenStore(config.StateFolder, out bool isDamaged);
        IReadOnlyList<string> found = [.. Cleanup.Find(store, pins), .. OwnFolders.Find(config, keepsState)];
        if (found.Count == 0)
        {
            Console.WriteLine("No trace of Weir is here.");
            return ExitCodes.Fine;
        }

        if (!yes && !Ask(found, keepsState))
        {
            Console.WriteLine("Nothing was removed.");
            return ExitCodes.Failed;
        }

        StopProxy(config.RunFolder);
        Cleanup.Run(store, pins);
        IReadOnlyList<string> left = OwnFolders.Remove(config, keepsState);
        foreach (string folder in left)
        {
            Console.Error.WriteLine($"weir cleanup: {folder} stays: others than its owner may enter it, so it may have more in it than Weir's records");
        }

        Console.WriteLine(isDamaged ? "What could be found is removed." : keepsState ? $"Every trace of Weir but {config.StateFolder} is removed." : left.Count == 0 ? "Every trace of Weir is removed." : "Every other trace of Weir is removed.");
        return left.Count == 0 && !isDamaged ? ExitCodes.Fine : ExitCodes.Failed;
    }

    /// <summary>Only to look: all of it is removed in the end, also from a disk that is full. Null: there is none, or it cannot be read.</summary>
    private static RecordStore? OpenStore(string folder, out bool isDamaged)
    {
        isDamaged = false;
        if (!Directory.Exists(folder))
        {
            return null;
        }

        try
        {
            return new RecordStore(FileKeyValues.Open(folder, new FileStoreOptions { IsReadOnly = true }));
        }
        catch (StoreDamagedException e)
        {
            isDamaged = true;
            Console.Error.WriteLine($"weir cleanup: {e.Message} Without it, networks' addresses, routes and host settings cannot be found and stay.");
            return null;
        }
    }

    private static bool Ask(IReadOnlyList<string> found, bool keepsState)
    {
        Console.WriteLine("This removes:");
        foreach (string line in found)
        {
            Console.WriteLine("  " + line);
        }

        Console.Write($"{(Cleanup.HasLinks() ? "Containers on weir networks lose their network. " : "")}Remove {(keepsState ? "all this" : "every trace")}? [y/N] ");
        return Console.ReadLine()?.Trim().ToLowerInvariant() is "y" or "yes";
    }

    private static void StopProxy(string runFolder)
    {
        const int Terminate = 15;
        const int Kill = 9;
        using ProxyLink? link = ProxyLink.TryConnect(ProxyCommand.SocketIn(runFolder));
        if (link is null)
        {
            return;
        }

        using var process = ProcessHandle.Open(link.Hello.Pid);
        process.Signal(Terminate);
        if (!process.WaitForEnd(TimeSpan.FromSeconds(2)))
        {
            process.Signal(Kill);
            process.WaitForEnd(TimeSpan.FromSeconds(2));
        }
    }

    private static int Fail(string message)
    {
        Console.Error.WriteLine("weir cleanup: " + message);
        return ExitCodes.Failed;
    }
}
