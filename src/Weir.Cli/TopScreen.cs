// SPDX-License-Identifier: Apache-2.0

using System.Text;
using Grpc.Core;
using Weir.Api;

namespace Weir.Cli;

/// <summary>"weir top" in a terminal: the whole of it, and afterwards what was there before.</summary>
internal sealed class TopScreen(TopSort sort)
{
    private const string Enter = "\e[?1049h\e[?25l"; // another screen, without a cursor
    private const string Leave = "\e[?25h\e[?1049l";
    private const int AskKeysEveryMs = 50;

    private static readonly Dictionary<char, TopSort> _keys = new()
    {
        ['b'] = TopSort.Bytes,
        ['r'] = TopSort.Requests,
        ['l'] = TopSort.Latency,
        ['t'] = TopSort.Rtt,
        ['x'] = TopSort.Retransmits,
        ['d'] = TopSort.Denied,
        ['c'] = TopSort.Connections,
    };

    private readonly Lock _lock = new();
    private TopSort _sort = sort;
    private TopFrame? _last;

    /// <summary>Until "q", a signal, or the agent's end.</summary>
    internal async Task ShowAsync(IAsyncStreamReader<TopFrame> frames, CancellationTokenSource stop)
    {
        Console.Write(Enter);
        try
        {
            Draw(null);
            Task keys = Console.IsInputRedirected ? Task.CompletedTask : ReadKeysAsync(stop);
            try
            {
                await foreach (TopFrame frame in frames.ReadAllAsync(stop.Token))
                {
                    Draw(frame);
                }
            }
            finally
            {
                await stop.CancelAsync();
                await keys;
            }
        }
        finally
        {
            Console.Write(Leave);
        }
    }

    private async Task ReadKeysAsync(CancellationTokenSource stop)
    {
        while (!stop.IsCancellationRequested)
        {
            while (Console.KeyAvailable)
            {
                char key = char.ToLowerInvariant(Console.ReadKey(intercept: true).KeyChar);
                if (key == 'q')
                {
                    await stop.CancelAsync();
                    return;
                }

                if (_keys.TryGetValue(key, out TopSort wanted))
                {
                    _sort = wanted;
                    Draw(_last);
                }
            }

            await Task.Delay(AskKeysEveryMs, CancellationToken.None);
        }
    }

    /// <summary>In one write, so that nothing flickers: each line's rest and what is below is erased.</summary>
    private void Draw(TopFrame? frame)
    {
        lock (_lock)
        {
            _last = frame;
            int width = Math.Max(Console.WindowWidth, 1), height = Math.Max(Console.WindowHeight, 1);
            IReadOnlyList<string> lines = frame is null ? ["measuring…"] : TopTable.Render(frame, _sort, width, height - 1);
            var text = new StringBuilder("\e[H");
            for (int i = 0; i < lines.Count; i++)
            {
                bool isHeading = frame is not null && lines[i].StartsWith("FROM", StringComparison.Ordinal);
                text.Append(isHeading ? Terminal.Bold(lines[i]) : lines[i]).Append("\e[K").Append(i < lines.Count - 1 ? "\r\n" : "");
            }

            Console.Write(text.Append("\e[J").ToString());
        }
    }
}
