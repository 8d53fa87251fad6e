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
    private readonly BpfMap _ctMap;
    private readonly BpfMap _briefMap;
    private readonly BpfMap _settingsMap;
    private readonly BpfMap _listeners;
    private readonly BpfMap<CtKey, CtEntry> _ct;
    private readonly BpfMap<CtKey, CtEntry> _brief;
    private readonly BpfMapMemory<Settings> _settings;

    private ProxyFlows(BpfMap ct, BpfMap brief, BpfMap settings, BpfMap listeners)
    {
        _listeners = listeners;
        _ctMap = ct;
        _briefMap = brief;
        _settingsMap = settings;
        _ct = new BpfMap<CtKey, CtEntry>(ct);
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
            return new ProxyFlows(ct, brief, settings, listeners);
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
        if ((!_ct.TryGet(in key, out CtEntry entry) && !_brief.TryGet(in key, out entry))
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

    public void Dispose()
    {
        _settings.Dispose();
        _settingsMap.Dispose();
        _listeners.Dispose();
        _briefMap.Dispose();
        _ctMap.Dispose();
    }
}
