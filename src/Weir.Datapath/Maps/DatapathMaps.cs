// SPDX-License-Identifier: Apache-2.0

using System.Buffers.Binary;
using Weir.Bpf;
using Weir.Bpf.Btf;
using Weir.Datapath.Abi;

namespace Weir.Datapath;

/// <summary>The maps that all endpoints' programs share, pinned so that they outlive the agent.</summary>
internal sealed class DatapathMaps : IDisposable
{
    private const long CatchUpEveryMs = 50; // walking a full table takes as long

    private readonly Dictionary<string, BpfMap> _maps = [];
    private readonly HashSet<string> _asWanted = []; // pinned maps that serve as they are
    private readonly List<MapReplacement> _replacements = [];
    private readonly string _pinRoot;
    private readonly MapTypesRead _read;
    private long _caughtUpMs;

    private DatapathMaps(string pinRoot, DatapathImages images)
    {
        _pinRoot = pinRoot;
        Images = images;
        Types = LoadedTypes.Load(images.Endpoint, "weir");
        _read = new MapTypesRead(Types.Read());
    }

    /// <summary>The objects whose maps these are.</summary>
    internal DatapathImages Images { get; }

    /// <summary>The types that these maps have.</summary>
    internal LoadedTypes Types { get; }

    internal IReadOnlyCollection<BpfMap> All => _maps.Values;

    internal BpfMap this[string name] => _maps[name];

    /// <summary>What an endpoint's policy map looks like; its entries vary.</summary>
    internal BpfMapSpec PolicyTemplate { get; private set; } = null!;

    /// <summary>What an HTTP policy's map looks like.</summary>
    internal BpfMapSpec HttpTemplate { get; private set; } = null!;

    /// <summary>Whether programs that an earlier agent attached have other maps than these: see <see cref="EndReplacements"/>.</summary>
    internal bool AreReplaced => _replacements.Count > 0;

    /// <summary>Opens the pinned maps, replaces those of another size or layout, and makes the missing ones.</summary>
    /// <param name="images">Null: this version's.</param>
    /// <exception cref="DatapathException">A pinned map cannot be replaced, or holds more than the size asked for; all such are
    /// listed, and nothing is changed.</exception>
    internal static DatapathMaps Open(DatapathOptions options, DatapathImages? images = null)
    {
        BpfFileSystem.EnsureFolder(options.PinRoot);
        var maps = new DatapathMaps(options.PinRoot, images ?? DatapathImages.Own);
        try
        {
            IReadOnlyList<BpfMapSpec> specs = Specs(options, maps.Images);
            maps.OpenPinned(specs, options);
            if (maps._maps.Keys.Any(name => !maps._asWanted.Contains(name)))
            {
                // What endpoints' programs go on in has the same maps as they: those of before keep theirs.
                maps._asWanted.Remove(MapNames.Calls);
            }

            foreach (BpfMapSpec spec in specs)
            {
                maps.Provide(spec);
                if (spec.Name == MapNames.Policy)
                {
                    maps.PolicyTemplate = spec.Inner!;
                }

                if (spec.Name == MapNames.Http)
                {
                    maps.HttpTemplate = spec.Inner!;
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
    internal static IReadOnlyList<BpfMapSpec> Specs(DatapathOptions options, DatapathImages? images = null)
    {
        using BpfObject declaring = BpfObject.Open((images ?? DatapathImages.Own).Endpoint, "weir");
        return
        [
            .. declaring.DeclaredMaps().Select(spec => spec.Name switch
            {
                MapNames.Ct => spec with { MaxEntries = options.MaxFlows },
                MapNames.Ipcache => spec with { MaxEntries = options.MaxPrefixes },
                MapNames.Events => spec with { MaxEntries = options.EventBytes },
                MapNames.Service or MapNames.Frontend or MapNames.Change or MapNames.LbStats => spec with { MaxEntries = options.MaxFrontends },
                MapNames.Backend => spec with { MaxEntries = options.MaxBackends },
                MapNames.Bucket or MapNames.Hop => spec with { Types = default }, // as many fields as it has words: another layout has another name
                MapNames.Slot => spec with { MaxEntries = options.MaxSlots },
                MapNames.Nat or MapNames.NatUdp => spec with { MaxEntries = options.MaxNatEntries },
                _ => spec,
            }),
        ];
    }

    /// <summary>Whether one of these is pinned there.</summary>
    internal bool Has(string pin) => _maps.ContainsKey(Path.GetFileName(pin)) && Path.GetDirectoryName(pin) == _pinRoot;

    /// <summary>The pins that somebody removed.</summary>
    internal IEnumerable<string> Unpinned() => _maps.Keys.Select(PinOf).Where(pin => !File.Exists(pin));

    /// <summary>Programs are about to be attached: flows that began since the maps were replaced are taken over, or their next
    /// packets would be strangers.</summary>
    internal void CatchUp()
    {
        if (Environment.TickCount64 - _caughtUpMs >= CatchUpEveryMs)
        {
            _replacements.ForEach(replacement => replacement.CatchUp());
            _caughtUpMs = Environment.TickCount64;
        }
    }

    /// <summary>Has programs that are loaded attached, all at once, and takes over what those before wrote. Meanwhile TCP waits at those
    /// that are attached: of a connection, only programs before write until none of them runs any more, and what they wrote is in the
    /// new maps before any other does.</summary>
    internal void EndReplacements(Action? attach = null)
    {
        if (!AreReplaced)
        {
            attach?.Invoke();
            return;
        }

        _replacements.ForEach(replacement => replacement.CatchUp()); // so that little is left for the moment itself
        MarkTakingOver(true);
        try
        {
            attach?.Invoke();
            RunningPrograms.Await();
            _replacements.ForEach(replacement => replacement.CatchUpLast());
        }
        finally
        {
            MarkTakingOver(false);
        }

        // After that: who begins anew after a crash finds the old maps wherever TCP waits.
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

        Types.Dispose();
    }

    private string PinOf(string map) => Path.Combine(_pinRoot, map);

    private void MarkTakingOver(bool isSo)
    {
        BpfMap settings = _maps[MapNames.Settings];
        byte[] key = new byte[sizeof(uint)], value = new byte[settings.UserValueSize];
        if (_read.LayoutOf(settings)?.Value.Find("taking_over") is { Size: sizeof(uint) } place && settings.TryLookup(key, value))
        {
            BinaryPrimitives.WriteUInt32LittleEndian(value.AsSpan(place.Offset), isSo ? 1u : 0u);
            settings.Update(key, value);
        }
    }

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
                if (IsAsWanted(map, spec))
                {
                    _asWanted.Add(spec.Name);
                    continue;
                }

                IReadOnlyList<string> reasons = WhyNot(map, spec);
                shapes.AddRange(reasons);
                if (reasons.Count == 0 && spec.Inner is null && MapReplacement.WhyNot(map, spec, _read) is { } full)
                {
                    sizes.Add(full);
                }
            }
        }

        if (shapes.Count > 0)
        {
            throw new DatapathException(
                $"the maps pinned in {options.PinRoot} were made by a version whose entries this one cannot take over",
                shapes,
                "Nothing was changed: programs and policy stay in force. Start the version of before, or one between the two.");
        }

        if (sizes.Count > 0)
        {
            throw new DatapathException(
                $"the maps pinned in {options.PinRoot} hold more than they would have room for",
                sizes,
                "Nothing was changed. Start the agent with the sizes of before, delete what is too much, and start it again.");
        }
    }

    /// <summary>What keeps a map's entries from being taken over.</summary>
    private IReadOnlyList<string> WhyNot(BpfMap map, BpfMapSpec wanted) => MapWriters.Of(wanted.Name) switch
    {
        MapWriter.Nobody => [],
        MapWriter.Proxy => wanted.DifferencesFrom(map.Spec),
        _ when wanted.Inner is { } inner => [.. _read.WhyNot(map, wanted), .. InnerMaps.WhyNot(map, inner, Types, _read)],
        _ => _read.WhyNot(map, wanted),
    };

    private bool IsAsWanted(BpfMap map, BpfMapSpec wanted) => map.Spec.MaxEntries == wanted.MaxEntries
        && _read.IsSame(map, wanted)
        && (wanted.Inner is not { } inner || InnerMaps.Fit(map, inner, Types, _read));

    private void Provide(BpfMapSpec spec)
    {
        string pin = PinOf(spec.Name);
        if (!_maps.TryGetValue(spec.Name, out BpfMap? map))
        {
            map = BpfMap.Create(spec, Types);
            map.Pin(pin);
            _maps.Add(spec.Name, map);
            return;
        }

        MapReplacement? unfinished = MapReplacement.Find(map, spec, pin, _read);
        if (!_asWanted.Contains(spec.Name))
        {
            _replacements.Add(MapReplacement.Begin(map, spec, pin, Types, _read, unfinished));
            _maps[spec.Name] = _replacements[^1].Now;
        }
        else if (unfinished is not null)
        {
            _replacements.Add(unfinished);
        }
    }
}
