// SPDX-License-Identifier: Apache-2.0
using Weir.Bpf;
using Weir.Datapath;

namespace Weir.Testing;

/// <summary>Maps, and the programs that are loaded over them: for <see cref="ProgramHarness"/>es, one after the other.</summary>
internal sealed class LoadedPrograms
{
    private static readonly Pool<uint, LoadedPrograms> _pool = new();
    private static readonly byte[] _image = DatapathObject.Read("endpoint.bpf");

    private readonly uint _flows;
    private readonly Dictionary<string, BpfObject> _endpoints = [];
    private readonly Dictionary<string, BpfObject> _others = [];

    private LoadedPrograms(uint flows)
    {
        _flows = flows;
        using BpfObject template = BpfObject.Open(_image, "harness");
        foreach (BpfMapSpec spec in template.DeclaredMaps())
        {
            Maps[spec.Name] = BpfMap.Create(spec.Name switch
            {
                "weir_ct" => spec with { MaxEntries = flows },
                "weir_ct_brief" => spec with { MaxEntries = 8192 },
                // What has all its places from the start is made, and looked through, as large as tests need it.
                _ when spec.Type is BpfMapType.Array or BpfMapType.PerCpuArray or BpfMapType.LruHash => spec with { MaxEntries = Math.Min(spec.MaxEntries, 4096) },
                _ => spec,
            });
        }
    }

    internal Dictionary<string, BpfMap> Maps { get; } = [];

    /// <param name="flows">Room in the conntrack table.</param>
    internal static LoadedPrograms Take(uint flows) => _pool.Take(flows) ?? new LoadedPrograms(flows);

    internal void Return()
    {
        MapReset.Reset(Maps.Values);
        _pool.Return(_flows, this);
    }

    /// <summary>The programs of an endpoint with these constants.</summary>
    internal BpfObject Endpoint(string name, byte[] config)
    {
        string key = Convert.ToHexString(config);
        if (!_endpoints.TryGetValue(key, out BpfObject? loaded))
        {
            loaded = BpfObject.Open(_image, name);
            loaded.SetRodata(config, "endpoint_config");
            _endpoints[key] = Load(loaded);
        }

        return loaded;
    }

    /// <summary>The programs of the object NAME.bpf.o.</summary>
    internal BpfObject Other(string name)
    {
        if (!_others.TryGetValue(name, out BpfObject? loaded))
        {
            _others[name] = loaded = Load(BpfObject.Open(DatapathObject.Read(name + ".bpf"), name));
        }

        return loaded;
    }

    private BpfObject Load(BpfObject opened)
    {
        foreach ((string map, BpfMap known) in Maps)
        {
            opened.ReuseMap(map, known);
        }

        opened.Load();
        return opened;
    }
}
