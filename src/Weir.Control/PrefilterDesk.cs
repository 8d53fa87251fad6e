// SPDX-License-Identifier: Apache-2.0

using System.Collections.Immutable;
using Weir.Control.Reconciling;
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
    private readonly Reconciler _reconciler;
    private readonly uint _most;
    private readonly Action _need;

    /// <param name="most">Sources that the datapath has room for.</param>
    /// <param name="need">Called when there is something to drop: devices have to have programs.</param>
    internal PrefilterDesk(Writer writer, IStore store, Reconciler reconciler, uint most, Action need)
    {
        _writer = writer;
        _store = store;
        _reconciler = reconciler;
        _most = most;
        _need = need;
        ImmutableSortedSet<IpPrefix> kept = [.. store.Get(Key, StateContext.Default.KeptPrefilter)?.Prefixes ?? []];
        writer.Publish(world => world with { Prefilter = kept });
    }

    public IReadOnlyList<IpPrefix> All => _writer.World.Prefilter;

    /// <summary>Adds and removes; all of it or nothing.</summary>
    /// <exception cref="ControlException">Something is no prefix, must not be dropped, or cannot be.</exception>
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
            ImmutableSortedSet<IpPrefix> before = _writer.World.Prefilter;
            IpPrefix? missing = removed.FirstOrDefault(prefix => !before.Contains(prefix));
            if (missing is { } unknown)
            {
                throw new ControlException($"{unknown} is not in the prefilter; nothing was changed. 'weir prefilter list' shows all");
            }

            ImmutableSortedSet<IpPrefix> with = before.Union(added);
            if (with.Count > _most)
            {
                throw new ControlException($"the prefilter has room for {_most} and would have {with.Count}; nothing was changed");
            }

            ImmutableSortedSet<IpPrefix> after = with.Except(removed);
            Keep(after);
            try
            {
                _reconciler.Converge([StepObject.Prefilter]);
            }
            catch (ControlException e)
            {
                Keep(before);
                _reconciler.Converge();
                throw new ControlException($"{e.Message}; the prefilter is what it was before");
            }

            Need();
            return (with.Count - before.Count, with.Count - after.Count, after.Count);
        });
    }

    /// <summary>After a start.</summary>
    internal void Need()
    {
        if (All.Count > 0)
        {
            _need();
        }
    }

    private void Keep(ImmutableSortedSet<IpPrefix> prefixes)
    {
        _store.Put(Key, new KeptPrefilter(prefixes), StateContext.Default.KeptPrefilter);
        _writer.Publish(world => world with { Prefilter = prefixes });
    }

    private static IpPrefix Parse(string text) => IpPrefix.TryParse(text, out IpPrefix? prefix)
        ? PrefilterTable.FaultOf(prefix.Masked) is { } fault ? throw new ControlException(fault) : prefix.Masked
        : throw new ControlException($"\"{text}\" is neither an address nor a prefix such as 198.51.100.0/24; nothing was changed");
}
