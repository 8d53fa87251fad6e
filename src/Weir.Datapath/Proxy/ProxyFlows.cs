// SPDX-License-Identifier: Apache-2.0
using System.Net;
using Weir.Bpf;
using Weir.Datapath.Abi;
using Weir.Net;

namespace Weir.Datapath;

/// <summary>The proxy's view of the datapath: whose a flow is, and whether policy has changed. It changes
/// nothing there but where its own listeners are. Safe to use from several threads.</summary>
public sealed class ProxyFlows : IProxyFlows, IDisposable
{
    private const long LookAgainMs = 100;

    private readonly string _pinRoot;
    private readonly Lock _reopening = new();
    private readonly BpfMap _briefMap;
    private readonly BpfMap _settingsMap;
    private readonly BpfMap _listeners;
    private readonly BpfMap<CtKey, CtEntry> _brief;
    private readonly BpfMapMemory<Settings> _settings;
    private readonly List<BpfMap> _ctMaps; // the last is in use; in others somebody may be looking still
    private volatile BpfMap<CtKey, CtEntry> _ct;
    private long _lookedMs;

    private ProxyFlows(string pinRoot, BpfMap ct, BpfMap brief, BpfMap settings, BpfMap listeners)
    {
        _pinRoot = pinRoot;
        _listeners = listeners;
        _ctMaps = [ct];
        _ct = new BpfMap<CtKey, CtEntry>(ct);
        _briefMap = brief;
        _settingsMap = settings;
        _brief = new BpfMap<CtKey, CtEntry>(brief);
        _settings = new BpfMapMemory<Settings>(settings);
    }

    /// <inheritdoc/>
    public uint Revision => Volatile.Read(ref _settings[0].Revision);

    /// <exception cref="DatapathException">No agent has made the datapath yet.</exception>
    public static ProxyFlows Open(string pinRoot)
    {
        BpfMap? ct = BpfMap.OpenPinned(Path.Combine(pinRoot, MapNames.Ct));
        BpfMap? brief = BpfMap.OpenPinned(Path.Combine(pinRoot, MapNames.CtBrief));
        BpfMap? settings = BpfMap.OpenPinned(Path.Combine(pinRoot, MapNames.Settings));
        BpfMap? listeners = BpfMap.OpenPinned(Path.Combine(pinRoot, MapNames.Listeners));
        if (ct is not null && brief is not null && settings is not null && listeners is not null)
        {
            return new ProxyFlows(pinRoot, ct, brief, settings, listeners);
        }

        ct?.Dispose();
        brief?.Dispose();
        listeners?.Dispose();
        settings?.Dispose();
        throw new DatapathException($"there is no datapath in {pinRoot}", [], "Start 'weir agent', which starts the proxy.");
    }

    /// <summary>Makes these sockets the ones that the datapath's flows come to: IPv4, then IPv6 if there is one. They
    /// stay it until they are closed.</summary>
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
        if ((!TryGet(in key, out CtEntry entry) && (!IsReplaced() || !TryGet(in key, out entry)))
            || (entry.Flags & (CtFlag.Proxy | CtFlag.Cut)) != CtFlag.Proxy
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

    private bool TryGet(in CtKey key, out CtEntry entry) =>
        _ct.TryGet(in key, out entry) || _brief.TryGet(in key, out entry);

    /// <summary>Whether an agent has put a map of another size in the place of the one in hand: then that is in hand.
    /// Asked only about flows that are not found, and seldom.</summary>
    private bool IsReplaced()
    {
        lock (_reopening)
        {
            if (Environment.TickCount64 - _lookedMs < LookAgainMs)
            {
                return false;
            }

            _lookedMs = Environment.TickCount64;
            if (BpfMap.OpenPinned(Path.Combine(_pinRoot, MapNames.Ct)) is not { } found)
            {
                return false;
            }

            if (found.Spec.MaxEntries == _ctMaps[^1].Spec.MaxEntries)
            {
                found.Dispose();
                return false;
            }

            _ctMaps.Add(found);
            _ct = new BpfMap<CtKey, CtEntry>(found);
            return true;
        }
    }

    public void Dispose()
    {
        _settings.Dispose();
        _settingsMap.Dispose();
        _listeners.Dispose();
        _briefMap.Dispose();
        _ctMaps.ForEach(map => map.Dispose());
    }
}
