// SPDX-License-Identifier: Apache-2.0

using Weir.Control.Reconciling;
using Weir.Control.State;
using Weir.Datapath;
using Weir.Net;
using Weir.Store;

namespace Weir.Control.Publishing;

/// <summary>Which doors are open to outsiders beside those that policy opens: published ports, and containers' own
/// addresses. Keeps the setting and the allowances; <see cref="DoorRules"/> says what follows. Called on the writer's
/// thread.</summary>
internal sealed class DoorKeeper
{
    private const string InstallationKey = "installation";
    private const string AllowancesKey = "published";

    private readonly Writer _writer;
    private readonly IStore _store;
    private readonly Reconciler _reconciler;
    private readonly uint _most;

    /// <param name="most">Sources that the datapath has room for.</param>
    /// <param name="isNew">Whether there is nothing yet that was made under other rules.</param>
    internal DoorKeeper(Writer writer, IStore store, Reconciler reconciler, uint most, ControlOptions options, bool isNew)
    {
        _writer = writer;
        _store = store;
        _reconciler = reconciler;
        _most = most;
        if (store.Get(InstallationKey, StateContext.Default.KeptInstallation) is not { } installation)
        {
            installation = new KeptInstallation(isNew ? DoorMode.Closed : DoorMode.Open);
            store.Put(InstallationKey, installation, StateContext.Default.KeptInstallation);
        }

        DoorMode mode = options.PublishedPorts ?? installation.PublishedPorts;
        IReadOnlyList<PublishAllowance> kept = store.Get(AllowancesKey, StateContext.Default.KeptAllowances)?.Allowances ?? [];
        writer.Publish(world => world with
        {
            Doors = new DoorSetting(mode, options.PublishedPorts is null && mode == DoorMode.Open),
            Allowances = [.. kept],
        });
    }

    /// <summary>Opens a port to sources, beside those that it is open to.</summary>
    internal void Allow(string container, ushort port, IpProtocol protocol, IReadOnlyList<IpPrefix> from)
    {
        PublishAllowance? known = DoorRules.Find(_writer.World, container, port, protocol);
        Keep(known, new PublishAllowance(container, port, protocol, [.. from.Concat(known?.From ?? []).Distinct().Order()]));
    }

    /// <summary>Takes back what was allowed.</summary>
    /// <param name="from">Empty: all of it.</param>
    /// <exception cref="ControlException">It was not; nothing was changed.</exception>
    internal void Deny(string container, ushort port, IpProtocol protocol, IReadOnlyList<IpPrefix> from)
    {
        string what = $"port {port}/{protocol.Name()} of {container}";
        PublishAllowance known = DoorRules.Find(_writer.World, container, port, protocol)
            ?? throw new ControlException($"{what} was not opened by 'weir publish allow'; 'weir publish list' shows what opens it");
        if (from.FirstOrDefault(source => !known.From.Contains(source)) is { } unknown)
        {
            throw new ControlException($"{what} was not opened to {PublishText.NameOf(unknown)}, but to {string.Join(", ", known.From.Select(PublishText.NameOf).Distinct())}; nothing was changed");
        }

        IpPrefix[] left = from.Count == 0 ? [] : [.. known.From.Except(from)];
        Keep(known, left.Length == 0 ? null : known with { From = left });
    }

    /// <summary>Lets containers of the host's bridges in by every port, for they are on this host.</summary>
    /// <param name="bridges">Device and range of each.</param>
    internal void LetIn(IEnumerable<(int Ifindex, IpPrefix Range)> bridges)
    {
        PublishRow[] rows = [.. bridges.Select(bridge => new PublishRow(0, 0, 0, bridge.Range.Masked, bridge.Ifindex))];
        if (!_writer.World.Bridges.SequenceEqual(rows))
        {
            _writer.Publish(world => world with { Bridges = [.. rows] });
            _reconciler.Converge();
        }
    }

    /// <summary>After a start: until the runtime tells, its bridges are those that the datapath was told of last.</summary>
    internal void Restore(IEnumerable<PublishRow> present) =>
        _writer.Publish(world => world with { Bridges = [.. present.Where(row => row.EndpointId == 0)] });

    private void Keep(PublishAllowance? old, PublishAllowance? renewed)
    {
        PublishAllowance[] all = [.. _writer.World.Allowances.Where(known => known != old), .. renewed is null ? [] : new[] { renewed }];
        int sources = all.Sum(allowance => allowance.From.Count);
        if (sources > _most / 2)
        {
            throw new ControlException($"{sources} sources are too many: {_most / 2} fit; nothing was changed. Write shorter prefixes, or a policy");
        }

        PublishAllowance[] sorted = [.. all.OrderBy(allowance => allowance.Container, StringComparer.Ordinal).ThenBy(allowance => allowance.Port).ThenBy(allowance => allowance.Protocol)];
        _store.Put(AllowancesKey, new KeptAllowances(sorted), StateContext.Default.KeptAllowances);
        _writer.Publish(world => world with { Allowances = [.. sorted] });
        _reconciler.Converge();
    }
}
