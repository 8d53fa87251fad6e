// SPDX-License-Identifier: Apache-2.0

using Microsoft.Win32.SafeHandles;
using Weir.Api;

namespace Weir.Cli;

/// <summary>Events as lines, of one agent or of many at once.</summary>
internal sealed class MonitorOutput(bool json) : IAsyncDisposable
{
    // Not the Console: it hides that nobody reads any more ("weir monitor | head").
    private readonly StreamWriter _output = new(new FileStream(new SafeFileHandle(1, ownsHandle: false), FileAccess.Write, bufferSize: 0)) { AutoFlush = true };
    private readonly SemaphoreSlim _one = new(1);

    /// <param name="node">Whose it is; null: nobody asks.</param>
    internal async Task WriteAsync(MonitorEvent e, string? node)
    {
        if (e.Note is { } note)
        {
            await Console.Error.WriteLineAsync(TextTable.OneLine(node is null ? $"weir: {note.Text}" : $"weir: node {node}: {note.Text}"));
            return;
        }

        string line = json ? JsonLine(e, node) : node is null ? TextLine(e) : $"{node} {TextLine(e)}";
        await _one.WaitAsync();
        try
        {
            await _output.WriteLineAsync(line);
        }
        finally
        {
            _one.Release();
        }
    }

    public async ValueTask DisposeAsync()
    {
        _one.Dispose();
        await _output.DisposeAsync();
    }

    private static string JsonLine(MonitorEvent e, string? node)
    {
        Google.Protobuf.IMessage message = e.Flow is { } flow ? flow : e.Lost;
        return node is null ? ProtoJson.Write(message, indented: false) : ProtoJson.Write(node, message, indented: false);
    }

    private static string TextLine(MonitorEvent e) => e.Flow is { } flow
        ? Flows.Line(flow)
        : $"({e.Lost.Count} events lost: {(e.Lost.Where == "ring" ? "they were too many at once" : "this monitor was too slow")})";
}
