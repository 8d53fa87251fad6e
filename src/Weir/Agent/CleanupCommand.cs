// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using Weir.Cli;
using Weir.Control;
using Weir.Datapath;
using Weir.Linux;
using Weir.Proxy;
using Weir.Store;

namespace Weir.Agent;

/// <summary>"weir cleanup": removes every trace of Weir from the host.</summary>
internal static class CleanupCommand
{
    internal static Command Build()
    {
        var command = new Command("cleanup", "Remove every trace of Weir: links, programs, maps, routes, iptables chains, state (as root; no agent may run).");
        var yes = new Option<bool>("--yes", "-y") { Description = "do not ask" };
        command.Options.Add(yes);
        command.SetAction(parsed =>
        {
            if (!Environment.IsPrivilegedProcess)
            {
                return Fail("removing programs and links needs root: run 'sudo weir cleanup'");
            }

            try
            {
                return Run(parsed.GetValue(yes));
            }
            catch (LinuxException e) when (e.Number == Errno.TryAgain)
            {
                return Fail($"the agent runs: stop it first ({e.Message})");
            }
            catch (Exception e) when (e is LinuxException or ControlException or IOException or UnauthorizedAccessException)
            {
                return Fail(e.Message);
            }
        });
        return command.WithExample("sudo weir cleanup", "sudo weir cleanup --yes");
    }

    private static int Run(bool yes)
    {
        var config = new AgentConfig();
        string pins = config.Datapath.PinRoot;
        string[] folders = [config.RunFolder, config.StateFolder];
        using FileLock? alone = Directory.Exists(config.RunFolder) ? FileLock.Acquire(AgentHost.LockFile(config.RunFolder)) : null;
        IReadOnlyList<string> found = Cleanup.Find(pins, folders);
        if (!yes)
        {
            Console.WriteLine(found.Count == 0 ? "No interface, map or state of Weir is here." : "This removes:");
            foreach (string line in found)
            {
                Console.WriteLine("  " + line);
            }

            Console.Write("Containers on weir networks lose their network. Remove every trace? [y/N] ");
            if (Console.ReadLine()?.Trim().ToLowerInvariant() is not ("y" or "yes"))
            {
                Console.WriteLine("Nothing was removed.");
                return ExitCodes.Failed;
            }
        }

        StopProxy(config.RunFolder);
        Cleanup.Run(Directory.Exists(config.StateFolder) ? new FileStore(config.StateFolder) : null, pins, folders);
        File.Delete(config.PluginSocket);
        Console.WriteLine("Every trace of Weir is removed.");
        return ExitCodes.Fine;
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
