// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;
using Weir.Cli;
using Weir.Datapath;
using Weir.Net;
using Weir.Proxy;
using Weir.Services.Reading;

namespace Weir.Agent;

/// <summary>"weir proxy": the transparent proxy, which the agent starts.</summary>
internal static class ProxyCommand
{
    internal static Command Build()
    {
        var command = new Command("proxy", "Run the transparent HTTP proxy in the foreground (as root). The agent starts it by itself when a policy needs it.");
        var socket = new Option<string>("--proxy-socket") { Description = "where the agent reaches it", DefaultValueFactory = _ => SocketIn(new AgentConfig().RunFolder) };
        var takeOver = new Option<bool>("--take-over") { Description = "take the sockets of the proxy that runs; that one ends with its last connection" };
        var pinRoot = new Option<string>("--pin-root") { Description = "where the agent keeps programs and maps", DefaultValueFactory = _ => DatapathOptions.DefaultPinRoot };
        var drain = new Option<string>("--drain") { Description = "how long its connections go on once another has its sockets, such as 1h", DefaultValueFactory = _ => "1h" };
        command.Options.Add(drain);
        command.Options.Add(socket);
        command.Options.Add(pinRoot);
        command.Options.Add(takeOver);
        command.SetAction(parsed =>
        {
            if (!Environment.IsPrivilegedProcess)
            {
                return Fail("transparent sockets need root: run 'sudo weir proxy'");
            }

            try
            {
                if (!Duration.TryParse(parsed.GetRequiredValue(drain), out TimeSpan longest))
                {
                    return Fail("--drain: must be a time, such as 1h");
                }

                var options = new ProxyOptions { DrainTimeout = longest, Socket = parsed.GetRequiredValue(socket), PinRoot = parsed.GetRequiredValue(pinRoot), Version = ProductVersion.Text };
                ProxyProcess.Run(options, parsed.GetValue(takeOver));
                return ExitCodes.Fine;
            }
            catch (Exception e) when (WeirException.IsExpected(e))
            {
                return Fail(e.Message);
            }
        });
        return command.WithExample("sudo weir proxy", "sudo weir proxy --take-over");
    }

    internal static string SocketIn(string runFolder) => Path.Combine(runFolder, "proxy.sock");

    private static int Fail(string message)
    {
        Console.Error.WriteLine("weir proxy: " + message);
        return ExitCodes.Failed;
    }
}
