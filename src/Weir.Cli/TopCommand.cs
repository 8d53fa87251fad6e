// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using System.Globalization;
using System.Runtime.InteropServices;
using Grpc.Core;
using Weir.Api;

namespace Weir.Cli;

/// <summary>"weir top".</summary>
internal static class TopCommand
{
    private const int BrokenPipe = 32; // EPIPE, which the framework has no exception for

    internal static Command Build()
    {
        var command = new Command("top", "Show who is busy, slow, loses packets or is denied, live. Keys: b, r, l, t, x, d, c sort; q quits.");
        var options = new FlowOptions();
        options.AddTo(command);
        var interval = new Option<double>("--interval") { Description = "seconds between two looks, 0.2 to 60", DefaultValueFactory = _ => 2 };
        interval.Validators.Add(result =>
        {
            if (result.Tokens.Count > 0 && double.TryParse(result.Tokens[^1].Value, CultureInfo.InvariantCulture, out double seconds) && seconds is not (>= 0.2 and <= 60))
            {
                result.AddError("--interval must be 0.2 to 60 seconds");
            }
        });
        var once = new Option<bool>("--once") { Description = "one look, as a table" };
        var sort = new Option<TopSort>("--sort") { Description = "bytes, requests, latency (of requests), rtt, retransmits, denied or connections", DefaultValueFactory = _ => TopSort.Bytes };
        sort.AcceptOnlyFromAmong([.. Enum.GetNames<TopSort>().Select(name => name.ToLowerInvariant())]);
        foreach (Option option in new Option[] { sort, interval, once })
        {
            command.Options.Add(option);
        }

        command.SetAction((parsed, cancel) => AgentClient.AskNodesAsync(parsed, async agents =>
        {
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancel);
            void Stop(PosixSignalContext signal)
            {
                signal.Cancel = true;
                stop.Cancel();
            }

            using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
            using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
            var request = new MonitorTopRequest { Filter = options.Request(parsed), Seconds = parsed.GetValue(interval), Once = parsed.GetValue(once) };
            try
            {
                using AsyncServerStreamingCall<TopFrame> call = agents.Measured.MonitorTop(request, cancellationToken: stop.Token);
                if (!request.Once && !GlobalOptions.IsJson(parsed) && !Console.IsOutputRedirected)
                {
                    await new TopScreen(parsed.GetValue(sort)).ShowAsync(call.ResponseStream, stop);
                }
                else
                {
                    await PrintAsync(call.ResponseStream, parsed.GetValue(sort), GlobalOptions.IsJson(parsed), stop.Token);
                }
            }
            catch (Exception e) when (stop.IsCancellationRequested && e is OperationCanceledException or RpcException { StatusCode: StatusCode.Cancelled })
            {
                // "q" and Ctrl+C are how this ends.
            }
            catch (IOException e) when (e.HResult == BrokenPipe)
            {
                // The reader of the output has seen enough.
            }

            return ExitCodes.Fine;
        }));
        return command.WithExample("weir top", "weir top --once --sort retransmits", "weir top --related-to api --interval 1", "weir top --once -o json");
    }

    private static async Task PrintAsync(IAsyncStreamReader<TopFrame> frames, TopSort sort, bool isJson, CancellationToken cancel)
    {
        await foreach (TopFrame frame in frames.ReadAllAsync(cancel))
        {
            Console.WriteLine(isJson ? JsonText.Write(json => TopTable.Write(json, frame, sort), indented: false) : string.Join('\n', TopTable.Render(frame, sort, null, null)));
        }
    }
}
