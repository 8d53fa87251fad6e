// SPDX-License-Identifier: Apache-2.0

using Weir.Control.Services;
using Weir.Control.State;
using Weir.Datapath;
using Weir.Net;
using Weir.Store;

namespace Weir.Control;

/// <summary>Sources whose packets are dropped at the host's devices.</summary>
public sealed class PrefilterDesk
{
    private const string Key = "prefilter";

    private readonly Writer _writer;
    private readonly IStore _store;
    private readonly Datapath.Datapath _datapath;
    private readonly DeviceManager _devices;
    private readonly SortedSet<IpPrefix> _prefixes = [];

    internal PrefilterDesk(Writer writer, IStore store, Datapath.Datapath datapath, DeviceManager devices)
    {
        _writer = writer;
        _store = store;
        _datapath = datapath;
        _devices = devices;
    }

    public IReadOnlyList<IpPrefix> All => _writer.Run(() => _prefixes.ToList());

    /// <summary>Adds and removes; all of it or nothing.</summary>
    /// <exception cref="ControlException">Something is no prefix, or must not be dropped.</exception>
    public (int Added, int Removed, int Total) Change(IReadOnlyList<string> add, IReadOnlyList<string> remove)
    {
        ArgumentNullException.ThrowIfNull(add);
        ArgumentNullException.ThrowIfNull(remove);
        IpPrefix[] added = [.. add.Select(Parse)];
        IpPrefix[] removed = [.. remove.Select(Parse)];
        if (added.FirstOrDefault(prefix => prefix.Length == 0) is { Length: 0 } everything && added.Contains(everything))
        {
            throw new ControlException($"{everything} is everybody: nobody could reach this host any more. Name smaller prefixes");
        }

        return _writer.Run(() =>
        {
            IpPrefix? missing = removed.Where(prefix => !_prefixes.Contains(prefix)).Select(prefix => (IpPrefix?)prefix).FirstOrDefault();
            if (missing is { } unknown)
            {
                throw new ControlException($"{unknown} is not in the prefilter; nothing was changed. 'weir prefilter list' shows all");
            }

            IpPrefix[] isNew = [.. added.Distinct().Where(prefix => !_prefixes.Contains(prefix))];
            if (isNew.Length + _prefixes.Count > _datapath.Prefilter.Max)
            {
                throw new ControlException($"the prefilter has room for {_datapath.Prefilter.Max} and would have {isNew.Length + _prefixes.Count}; nothing was changed");
            }

            _datapath.Prefilter.Add(isNew);
            _prefixes.UnionWith(isNew);
            foreach (IpPrefix prefix in removed)
            {
                _datapath.Prefilter.Remove(prefix);
                _prefixes.Remove(prefix);
            }

            _store.Put(Key, new KeptPrefilter([.. _prefixes]), StateContext.Default.KeptPrefilter);
            if (_prefixes.Count > 0)
            {
                _devices.Need();
            }

            return (isNew.Length, removed.Distinct().Count(), _prefixes.Count);
        });
    }

    /// <summary>Makes the kernel drop what is kept, and nothing else.</summary>
    internal void Restore()
    {
        _prefixes.UnionWith(_store.Get(Key, StateContext.Default.KeptPrefilter)?.Prefixes ?? []);
        HashSet<IpPrefix> present = [.. _datapath.Prefilter.List()];
        foreach (IpPrefix prefix in present.Except(_prefixes))
        {
            _datapath.Prefilter.Remove(prefix);
        }

        _datapath.Prefilter.Add([.. _prefixes.Except(present)]);

        if (_prefixes.Count > 0)
        {
            _devices.Need();
        }
    }

    private static IpPrefix Parse(string text) => IpPrefix.TryParse(text, out IpPrefix prefix)
        ? PrefilterTable.FaultOf(prefix.Masked) is { } fault ? throw new ControlException(fault) : prefix.Masked
        : throw new ControlException($"\"{text}\" is neither an address nor a prefix such as 198.51.100.0/24; nothing was changed");
}
