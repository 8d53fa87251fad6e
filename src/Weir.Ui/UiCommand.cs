// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using System.Runtime.InteropServices;
using Weir.Api;
using Weir.Cli;

namespace Weir.Ui;

/// <summary>"weir ui": serves the page to one user's browser, and ends with Ctrl+C.</summary>
internal static class UiCommand
{
    internal static Command Build()
    {
        var command = new Command("ui", "Serve a page that shows who talks to whom, to a browser on this host.");
        var listen = new Option<string>("--listen")
        {
            Description = "where: a loopback address and port, a port, or unix:/PATH for a socket that 'ssh -L' leads to",
            DefaultValueFactory = _ => "127.0.0.1:0",
        };
        listen.Validators.Add(result =>
        {
            if (result.Tokens.Count == 1 && UiAddress.TryRead(result.Tokens[0].Value, out string problem) is null)
            {
                result.AddError($"--listen \"{result.Tokens[0].Value}\": {problem}");
            }
        });
        command.Options.Add(listen);
        command.SetAction((parsed, cancel) => AgentClient.AskNodesAsync(parsed, async agents =>
        {
            UiAddress address = UiAddress.TryRead(parsed.GetValue(listen)!, out _)!;
            string socket = GlobalOptions.SocketPath(parsed);
            TimeSpan patience = GlobalOptions.Patience(parsed);

            // Who may not ask hears so here, and not in the browser.
            await agents.Own.GetStatusAsync(new GetStatusRequest(), cancellationToken: cancel);
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancel);
            using PosixSignalRegistration interrupt = End(PosixSignal.SIGINT, stop);
            using PosixSignalRegistration terminate = End(PosixSignal.SIGTERM, stop);
            var link = new AgentLink(agents.Own, agents.Record, e => CallErrors.Describe(e, socket, patience), TimeProvider.System);
            await using var server = new UiServer(address, link);
            try
            {
                await server.StartAsync(stop.Token);
            }
            catch (IOException e)
            {
                await Console.Error.WriteLineAsync($"weir: the page cannot be served at {address}: {e.Message}; --listen takes another place");
                return ExitCodes.Failed;
            }

            Say(server, GlobalOptions.IsJson(parsed));
            if (!Console.IsInputRedirected)
            {
                Console.WriteLine("The link is good for one browser; Enter prints another, Ctrl+C ends it.");
                _ = Task.Run(() => SayAgain(server, stop.Token), CancellationToken.None);
            }

            await server.RunAsync(stop.Token);
            return ExitCodes.Fine;
        }));
        return command.WithExample("weir ui", "weir ui --listen 8765", "weir ui --listen unix:/tmp/weir-ui.sock");
    }

    private static PosixSignalRegistration End(PosixSignal signal, CancellationTokenSource stop) => PosixSignalRegistration.Create(signal, context =>
    {
        context.Cancel = true;
        stop.Cancel();
    });

    private static void Say(UiServer server, bool isJson)
    {
        string link = server.NewLink();
        Console.WriteLine(isJson ? JsonText.Write(json =>
        {
            json.WriteStartObject();
            json.WriteString("url", link);
            json.WriteEndObject();
        }, indented: false) : link);
        if (server.HowToReach is { } how && !isJson)
        {
            Console.WriteLine(how);
        }
    }

    private static void SayAgain(UiServer server, CancellationToken stop)
    {
        while (!stop.IsCancellationRequested && Console.ReadLine() is not null)
        {
            Console.WriteLine(server.NewLink());
        }
    }
}
