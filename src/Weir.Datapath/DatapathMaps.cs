// SPDX-License-Identifier: Apache-2.0

using Weir.Bpf;
using Weir.Datapath.Abi;

namespace Weir.Datapath;

/// <summary>The maps that all endpoints' programs share, pinned so that they outlive the agent.</summary>
internal sealed class DatapathMaps : IDisposable
{
    private readonly Dictionary<string, BpfMap> _maps = [];
    private readonly string _pinRoot;

    private DatapathMaps(string pinRoot) => _pinRoot = pinRoot;

    internal IReadOnlyCollection<BpfMap> All => _maps.Values;

    internal BpfMap this[string name] => _maps[name];

    /// <summary>What an endpoint's policy map looks like; its entries vary.</summary>
    internal BpfMapSpec PolicyTemplate { get; private set; } = null!;

    /// <summary>Opens the pinned maps and makes the missing ones.</summary>
    /// <exception cref="DatapathException">A pinned map has another shape; all differences are listed.</exception>
    internal static DatapathMaps Open(DatapathOptions options)
    {
        BpfFileSystem.EnsureFolder(options.PinRoot);
        var maps = new DatapathMaps(options.PinRoot);
        try
        {
            List<string> differences = [];
            foreach (BpfMapSpec spec in Specs(options))
            {
                maps.OpenOrCreate(spec, maps.PinOf(spec.Name), differences);
                if (spec.Name == MapNames.Policy)
                {
                    maps.PolicyTemplate = spec.Inner!;
                }
            }

            return differences.Count == 0
                ? maps
                : throw new DatapathException(
                    $"the maps pinned in {options.PinRoot} were made by another version or with other sizes",
                    differences,
                    "Stop the containers on weir networks, remove that folder and start the agent again.");
        }
        catch
        {
            maps.Dispose();
            throw;
        }
    }

    /// <summary>The maps as the compiled program declares them, in the sizes asked for.</summary>
    internal static IReadOnlyList<BpfMapSpec> Specs(DatapathOptions options)
    {
        using BpfObject declaring = BpfObject.Open(DatapathObject.EndpointImage, "weir");
        return
        [
            .. declaring.DeclaredMaps().Select(spec => spec.Name switch
            {
                MapNames.Ct => spec with { MaxEntries = options.MaxFlows },
                MapNames.Ipcache => spec with { MaxEntries = options.MaxPrefixes },
                MapNames.Events => spec with { MaxEntries = options.EventBytes },
                MapNames.Service or MapNames.Frontend or MapNames.Change or MapNames.LbStats => spec with { MaxEntries = options.MaxFrontends },
                MapNames.Backend => spec with { MaxEntries = options.MaxBackends },
                MapNames.Slot => spec with { MaxEntries = options.MaxSlots },
                MapNames.Nat or MapNames.NatUdp => spec with { MaxEntries = options.MaxNatEntries },
                _ => spec,
            }),
        ];
    }

    /// <summary>The pins that somebody removed.</summary>
    internal IEnumerable<string> Unpinned() => _maps.Keys.Select(PinOf).Where(pin => !File.Exists(pin));

    internal void PinAgain()
    {
        BpfFileSystem.EnsureFolder(_pinRoot);
        foreach (BpfMap map in _maps.Where(map => !File.Exists(PinOf(map.Key))).Select(map => map.Value))
        {
            map.Pin(PinOf(map.Name));
        }
    }

    public void Dispose()
    {
        foreach (BpfMap map in _maps.Values)
        {
            map.Dispose();
        }
    }

    private string PinOf(string map) => Path.Combine(_pinRoot, map);

    private void OpenOrCreate(BpfMapSpec spec, string path, List<string> differences)
    {
        BpfMap? map = BpfMap.OpenPinned(path);
        if (map is not null)
        {
            differences.AddRange(spec.DifferencesFrom(map.Spec));
        }
        else
        {
            map = BpfMap.Create(spec);
            map.Pin(path);
        }

        _maps.Add(spec.Name, map);
    }
}
