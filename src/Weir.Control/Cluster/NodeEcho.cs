// SPDX-License-Identifier: Apache-2.0

using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Weir.Control.Host;
using Weir.Datapath;
using Weir.Linux;
using Weir.Net;

namespace Weir.Control.Cluster;

/// <summary>Asks nodes by ICMP: by the overlay's device where that is the way, and there the datapath answers
/// (bpf/lib/node_echo.h), else by the routes, and there the kernel does. Who answers no ICMP is asked by TCP.</summary>
/// <param name="own">By which the other nodes know this one.</param>
/// <param name="overlay">The overlay's device; null: it is not there.</param>
/// <param name="numberOf">By which the datapath knows a node; null: it does not yet.</param>
internal sealed class NodeEcho(ClusterOptions own, Func<int?> overlay, Func<IPAddress, ushort?> numberOf, Func<ushort, NodeAnswer> answerOf) : INodeEcho, IDisposable
{
    private readonly IcmpEcho _icmp = new();

    public Task<NodeEchoResult?> AskAsync(NodeView node, TimeSpan patience, CancellationToken cancel) =>
        node.IsOverlay ? ByOverlayAsync(node.Address, patience, cancel) : ByRoutesAsync(node, patience, cancel);

    private async Task<NodeEchoResult?> ByOverlayAsync(IPAddress node, TimeSpan patience, CancellationToken cancel)
    {
        if (Own(node) is not { } from || numberOf(node) is not { } number)
        {
            return null;
        }

        ulong asked = Clock.MonotonicNs();
        try
        {
            LinkEcho.Send(overlay() ?? throw new ControlException($"device {HostNeed.OverlayName} is not there"), from, node, asked);
        }
        catch (Exception e) when (WeirException.IsExpected(e))
        {
            return new NodeEchoResult(null, e.Message);
        }

        // When it came is noted in the kernel; here it only has to be seen in the end.
        for (TimeSpan pause = TimeSpan.FromMilliseconds(20); patience > TimeSpan.Zero; patience -= pause, pause *= 2)
        {
            await Task.Delay(pause, cancel);
            if (answerOf(number) is { } answer && answer.Asked == asked)
            {
                return new NodeEchoResult(TimeSpan.FromMicroseconds((answer.AnsweredNs - asked) / 1000.0));
            }
        }

        return new NodeEchoResult(null);
    }

    private async Task<NodeEchoResult?> ByRoutesAsync(NodeView node, TimeSpan patience, CancellationToken cancel)
    {
        string? problem = null;
        try
        {
            if (await _icmp.AskAsync(node.Address, Own(node.Address), patience, cancel) is { } roundTrip)
            {
                return new NodeEchoResult(roundTrip);
            }
        }
        catch (Exception e) when (WeirException.IsExpected(e))
        {
            problem = e.Message;
        }

        return node.Door is null ? new NodeEchoResult(null, problem) : await ConnectAsync(new IPEndPoint(node.Address, node.Door.Port), patience, problem, cancel);
    }

    public void Dispose() => _icmp.Dispose();

    /// <summary>Also "connection refused" is an answer.</summary>
    private async Task<NodeEchoResult> ConnectAsync(IPEndPoint to, TimeSpan patience, string? problem, CancellationToken cancel)
    {
        using var connection = new Socket(to.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        using var waiting = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        waiting.CancelAfter(patience);
        long began = Stopwatch.GetTimestamp();
        try
        {
            if (Own(to.Address) is { } from)
            {
                connection.Bind(new IPEndPoint(from, 0));
            }

            await connection.ConnectAsync(to, waiting.Token);
            return new NodeEchoResult(Stopwatch.GetElapsedTime(began));
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.ConnectionRefused)
        {
            return new NodeEchoResult(Stopwatch.GetElapsedTime(began));
        }
        catch (SocketException e)
        {
            return new NodeEchoResult(null, problem ?? e.Message);
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            return new NodeEchoResult(null, problem);
        }
    }

    private IPAddress? Own(IPAddress to) =>
        own.Address.AddressFamily == to.AddressFamily ? own.Address : own.OtherAddress?.AddressFamily == to.AddressFamily ? own.OtherAddress : null;
}
