// SPDX-License-Identifier: Apache-2.0

using System.Net;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Weir.Bpf;
using Weir.Datapath.Abi;
using Weir.Net;

namespace Weir.Datapath;

/// <summary>Connections whose requests were judged on their way, and that the proxy is to take over in their middle. One reader at a time.</summary>
public sealed class TakeOvers : IDisposable
{
    private const uint Busy = 2; // enum http_done in bpf/http.bpf.c
    private const uint Done = 1;
    private const int MostTries = 1000;

    private readonly BpfMap _map;
    private readonly RingBuffer _ring;
    private readonly PinnedProgram _taken;

    private TakeOvers(BpfMap map, PinnedProgram taken)
    {
        _map = map;
        _ring = new RingBuffer(map);
        _taken = taken;
    }

    /// <summary>Gets a connection and the first bytes that were not judged: memory that is gone when the handler returns. The same connection
    /// comes again until <see cref="Complete"/>.</summary>
    public delegate void Handler(in TakeOver connection, ReadOnlySpan<byte> bytes);

    /// <summary>Whether others are pinned in the place of these by now: an agent of another version has put them there.</summary>
    public bool AreReplaced(string pinRoot)
    {
        using BpfMap? map = BpfMap.OpenPinned(Path.Combine(pinRoot, MapNames.TakeOver));
        using PinnedProgram? taken = PinnedProgram.Open(HttpProgram.PinOf(pinRoot));
        return map is not null && taken is not null && (map.Id != _map.Id || taken.Id != _taken.Id);
    }

    /// <summary>Null: there is no datapath that hands connections over.</summary>
    public static TakeOvers? TryOpen(string pinRoot)
    {
        BpfMap? map = BpfMap.OpenPinned(Path.Combine(pinRoot, MapNames.TakeOver));
        PinnedProgram? taken = PinnedProgram.Open(HttpProgram.PinOf(pinRoot));
        if (map is not null && taken is not null)
        {
            return new TakeOvers(map, taken);
        }

        map?.Dispose();
        taken?.Dispose();
        return null;
    }

    /// <summary>Waits for connections, at most that long, and hands all that are there to the handler, on this thread.</summary>
    /// <returns>How many there were.</returns>
    public int Read(Handler handler, TimeSpan wait)
    {
        ArgumentNullException.ThrowIfNull(handler);
        return _ring.Wait(wait)
            ? _ring.Consume(record =>
            {
                int head = Unsafe.SizeOf<TakeOver>();
                if (record.Length >= head)
                {
                    ref readonly TakeOver connection = ref MemoryMarshal.AsRef<TakeOver>(record);
                    handler(in connection, record.Slice(head, Math.Min(connection.Length, record.Length - head)));
                }
            })
            : 0;
    }

    /// <summary>From here on the connection's packets come to the proxy's sockets, which are made already, and
    /// <see cref="ProxyFlows.TryFind"/> finds it.</summary>
    /// <returns>False: it does not wait for that, or no more: it was ended meanwhile, or is the proxy's already.</returns>
    public bool Complete(IPEndPoint client, IPEndPoint server)
    {
        ArgumentNullException.ThrowIfNull(client);
        ArgumentNullException.ThrowIfNull(server);
        CtKey key = CtKeys.Of(client, server, IpProtocol.Tcp, out _);
        uint done = Busy;
        for (int i = 0; i < MostTries && done == Busy; i++)
        {
            done = _taken.Run(MemoryMarshal.AsBytes(new ReadOnlySpan<CtKey>(in key)));
        }

        return done == Done;
    }

    public void Dispose()
    {
        _ring.Dispose();
        _map.Dispose();
        _taken.Dispose();
    }
}
