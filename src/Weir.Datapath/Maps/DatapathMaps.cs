// SPDX-License-Identifier: Apache-2.0

using Weir.Bpf;
using Weir.Datapath.Abi;

namespace Weir.Datapath;

/// <summary>The maps that all endpoints' programs share, pinned so that they outlive the agent.</summary>
internal sealed class DatapathMaps : IDisposable
{
    private const long CatchUpEveryMs = 50; // walking a full table takes as long

    private readonly Dictionary<string, BpfMap> _maps = [];
    private readonly List<MapReplacement> _replacements = [];
    private readonly string _pinRoot;
    private long _caughtUpMs;

    private DatapathMaps(string pinRoot) => _pinRoot = pinRoot;

    internal IReadOnlyCollection<BpfMap> All => _maps.Values;

    internal BpfMap this[string name] => _maps[name];

    /// <summary>What an endpoint's policy map looks like; its entries vary.</summary>
    internal BpfMapSpec PolicyTemplate { get; private set; } = null!;

    /// <summary>Whether programs that an earlier agent attached have other maps than these: see <see cref="EndReplacements"/>.</summary>
    internal bool AreReplaced => _replacements.Count > 0;

    /// <summary>Opens the pinned maps, replaces those of another size, and makes the missing ones.</summary>
    /// <exception cref="DatapathException">A pinned map has another shape, or holds more than the size asked for; all such are
    /// listed, and nothing is changed.</exception>
    internal static DatapathMaps Open(DatapathOptions options)
    {
        BpfFileSystem.EnsureFolder(options.PinRoot);
        var maps = new DatapathMaps(options.PinRoot);
        try
        {
            IReadOnlyList<BpfMapSpec> specs = Specs(options);
            maps.OpenPinned(specs, options);
            foreach (BpfMapSpec spec in specs)
            {
                maps.Provide(spec);
                if (spec.Name == MapNames.Policy)
                {
                    maps.PolicyTemplate = spec.Inner!;
                }
            }

            return maps;
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

    /// <summary>Programs are about to be attached: flows that began since the maps were replaced are taken over, or their next
    /// packets would be strangers.</summary>
    internal void CatchUp()
    {
        if (AreReplaced && Environment.TickCount64 - _caughtUpMs >= CatchUpEveryMs)
        {
            _replacements.ForEach(replacement => replacement.CatchUp());
            _caughtUpMs = Environment.TickCount64;
        }
    }

    /// <summary>Every program has these maps now.</summary>
    internal void EndReplacements()
    {
        foreach (MapReplacement replacement in _replacements)
        {
            replacement.End();
            replacement.Dispose();
        }

        _replacements.Clear();
    }

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
        _replacements.ForEach(replacement => replacement.Dispose());
        foreach (BpfMap map in _maps.Values)
        {
            map.Dispose();
        }
    }

    private string PinOf(string map) => Path.Combine(_pinRoot, map);

    /// <summary>Nothing is changed before all of it is known to be possible.</summary>
    private void OpenPinned(IReadOnlyList<BpfMapSpec> specs, DatapathOptions options)
    {
        List<string> shapes = [];
        List<string> sizes = [];
        foreach (BpfMapSpec spec in specs)
        {
            if (BpfMap.OpenPinned(PinOf(spec.Name)) is { } map)
            {
                _maps.Add(spec.Name, map);
                shapes.AddRange((spec with { MaxEntries = map.Spec.MaxEntries }).DifferencesFrom(map.Spec));
                sizes.AddRange(MapReplacement.WhyNot(map, spec) is { } reason ? [reason] : []);
            }
        }

        if (shapes.Count > 0)
        {
            throw new DatapathException(
                $"the maps pinned in {options.PinRoot} were made by another version",
                shapes,
                "Stop the containers on weir networks, remove that folder and start the agent again.");
        }

        if (sizes.Count > 0)
        {
            throw new DatapathException(
                $"the maps pinned in {options.PinRoot} hold more than the sizes asked for",
                sizes,
                "Nothing was changed. Start the agent with the sizes of before, delete what is too much, and start it again.");
        }
    }

    private void Provide(BpfMapSpec spec)
    {
        string pin = PinOf(spec.Name);
        if (!_maps.TryGetValue(spec.Name, out BpfMap? map))
        {
            map = BpfMap.Create(spec);
            map.Pin(pin);
            _maps.Add(spec.Name, map);
        }
        else if (map.Spec.MaxEntries != spec.MaxEntries)
        {
            _replacements.Add(MapReplacement.Begin(map, spec, pin));
            _maps[spec.Name] = _replacements[^1].Now;
        }
        else if (MapReplacement.Find(map, pin) is { } unfinished)
        {
            _replacements.Add(unfinished);
        }
    }
}
