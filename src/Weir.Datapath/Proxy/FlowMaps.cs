// SPDX-License-Identifier: Apache-2.0

using Weir.Bpf;
using Weir.Datapath.Abi;

namespace Weir.Datapath;

/// <summary>What the proxy reads of the datapath, as it is pinned at one time.</summary>
internal sealed class FlowMaps : IDisposable
{
    private readonly FlowMap _ct;
    private readonly FlowMap _brief;
    private readonly BpfMap _settings;
    private readonly BpfMapMemory<uint> _revision;

    private FlowMaps(BpfMap ct, BpfMap brief, BpfMap settings)
    {
        _ct = new FlowMap(ct);
        _brief = new FlowMap(brief);
        _settings = settings;
        _revision = new BpfMapMemory<uint>(settings, FlowMap.RevisionIn(settings));
    }

    /// <summary>The policy revision in force.</summary>
    internal uint Revision => Volatile.Read(ref _revision[0]);

    /// <summary>Null: there is no datapath.</summary>
    internal static FlowMaps? TryOpen(string pinRoot)
    {
        BpfMap? ct = BpfMap.OpenPinned(Path.Combine(pinRoot, MapNames.Ct));
        BpfMap? brief = BpfMap.OpenPinned(Path.Combine(pinRoot, MapNames.CtBrief));
        BpfMap? settings = BpfMap.OpenPinned(Path.Combine(pinRoot, MapNames.Settings));
        bool isOpen = false;
        try
        {
            FlowMaps? maps = ct is not null && brief is not null && settings is not null ? new FlowMaps(ct, brief, settings) : null;
            isOpen = maps is not null;
            return maps;
        }
        finally
        {
            if (!isOpen)
            {
                ct?.Dispose();
                brief?.Dispose();
                settings?.Dispose();
            }
        }
    }

    internal bool TryGet(in CtKey key, out CtEntry entry) => _ct.TryGet(in key, out entry) || _brief.TryGet(in key, out entry);

    /// <summary>Whether these are the same maps.</summary>
    internal bool AreThoseOf(FlowMaps other) => (_ct.Id, _brief.Id, _settings.Id) == (other._ct.Id, other._brief.Id, other._settings.Id);

    public void Dispose()
    {
        _revision.Dispose();
        _settings.Dispose();
        _brief.Dispose();
        _ct.Dispose();
    }
}
