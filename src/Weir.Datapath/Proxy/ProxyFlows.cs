// SPDX-License-Identifier: Apache-2.0
using System.Net;
using Weir.Bpf;
using Weir.Datapath.Abi;
using Weir.Net;

namespace Weir.Datapath;

/// <summary>The proxy's view of the datapath: whose a flow is, and whether policy has changed. It changes
/// nothing there but where its own listeners are. Safe to use from several threads.</summary>
public sealed class ProxyFlows : IProxyFlows
{
    private const long LookAgainMs = 100; // where a flow is not found
    private const long LookAnywayMs = 1000;

    private readonly string _pinRoot;
    private readonly Lock _reopening = new();
    private readonly BpfMap _listeners;
    private readonly List<FlowMaps> _all; // the last is in use; in others somebody may be looking still
    private volatile FlowMaps _maps;
    private long _lookedMs;

    private ProxyFlows(string pinRoot, FlowMaps maps, BpfMap listeners)
    {
        _pinRoot = pinRoot;
        _listeners = listeners;
        _all = [maps];
        _maps = maps;
        _lookedMs = Environment.TickCount64;
    }

    /// <inheritdoc/>
    public uint Revision
    {
        get
        {
            // An agent that has put others in the place of these tells of a new policy there alone.
            _ = AreReplaced(LookAnywayMs);
            return _maps.Revision;
        }
    }

    /// <exception cref="DatapathException">No agent has made the datapath yet.</exception>
    public static ProxyFlows Open(string pinRoot)
    {
        FlowMaps? maps = FlowMaps.TryOpen(pinRoot);
        if (maps is not null && BpfMap.OpenPinned(Path.Combine(pinRoot, MapNames.Listeners)) is { } listeners)
        {
            return new ProxyFlows(pinRoot, maps, listeners);
        }

        maps?.Dispose();
        throw new DatapathException($"there is no datapath in {pinRoot}", [], "Start 'weir agent', which starts the proxy.");
    }

    /// <inheritdoc/>
    public void SetListeners(IReadOnlyList<int> sockets)
    {
        ArgumentNullException.ThrowIfNull(sockets);
        for (int i = 0; i < sockets.Count; i++)
        {
            _listeners.Update(BitConverter.GetBytes(i), BitConverter.GetBytes((ulong)sockets[i]));
        }
    }

    /// <inheritdoc/>
    public bool TryFind(IPEndPoint source, IPEndPoint destination, out ProxyFlow flow)
    {
        ArgumentNullException.ThrowIfNull(source);
        ArgumentNullException.ThrowIfNull(destination);
        CtKey key = CtKeys.Of(source, destination, IpProtocol.Tcp, out bool sourceIsB);
        flow = default;
        if ((!_maps.TryGet(in key, out CtEntry entry) && (!AreReplaced(LookAgainMs) || !_maps.TryGet(in key, out entry)) && !TryGetBefore(in key, out entry))
            || (entry.Flags & (CtFlag.Proxy | CtFlag.Http | CtFlag.Cut)) != CtFlag.Proxy
            || ((entry.Flags & CtFlag.OriginB) != 0) != sourceIsB)
        {
            return false;
        }

        flow = new ProxyFlow(
            new Identity(entry.SrcIdentity),
            new Identity(entry.DstIdentity),
            entry.SrcEndpoint,
            entry.DstEndpoint,
            entry.HttpEgress,
            entry.HttpIngress,
            entry.Revision);
        return true;
    }

    /// <summary>Programs that are not replaced yet write into the maps of before.</summary>
    private bool TryGetBefore(in CtKey key, out CtEntry entry)
    {
        if (!File.Exists(Path.Combine(_pinRoot, MapNames.Ct + MapReplacement.BeforeSuffix)))
        {
            return _maps.TryGet(in key, out entry); // what they wrote is taken over by now
        }

        entry = default;

        lock (_reopening)
        {
            for (int i = _all.Count - 2; i >= 0; i--)
            {
                if (_all[i].TryGet(in key, out entry))
                {
                    return true;
                }
            }
        }

        return false;
    }

    /// <summary>Whether an agent has put others in the place of the maps in hand: then those are in hand.</summary>
    /// <param name="mostMs">Not asked again before so long.</param>
    private bool AreReplaced(long mostMs)
    {
        if (Environment.TickCount64 - Volatile.Read(ref _lookedMs) < mostMs || !_reopening.TryEnter())
        {
            return false;
        }

        try
        {
            Volatile.Write(ref _lookedMs, Environment.TickCount64);
            if (FlowMaps.TryOpen(_pinRoot) is not { } found)
            {
                return false;
            }

            if (found.AreThoseOf(_maps))
            {
                found.Dispose();
                return false;
            }

            _all.Add(found);
            _maps = found;
            return true;
        }
        catch (WeirException)
        {
            return false; // they go away, or cannot be read: those in hand are better than none
        }
        finally
        {
            _reopening.Exit();
        }
    }

    public void Dispose()
    {
        _listeners.Dispose();
        _all.ForEach(maps => maps.Dispose());
    }
}
