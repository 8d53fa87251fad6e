// SPDX-License-Identifier: Apache-2.0

using Microsoft.Extensions.Logging;
using Weir.Control.Endpoints;
using Weir.Control.Networks;
using Weir.Control.State;
using Weir.Datapath;
using Weir.Linux;
using Weir.Net;
using Weir.Store;

namespace Weir.Control.Publishing;

/// <summary>Which doors are open to outsiders beside those that policy opens: published ports, and containers' own
/// addresses. Keeps the datapath true to the setting, to allowances and to labels. Called on the writer's
/// thread.</summary>
internal sealed class DoorKeeper
{
    private const string InstallationKey = "installation";
    private const string AllowancesKey = "published";

    private readonly IStore _store;
    private readonly Datapath.Datapath _datapath;
    private readonly EndpointManager _endpoints;
    private readonly NetworkManager _networks;
    private readonly ILogger _log;
    private volatile PublishAllowance[] _allowances; // never changed, only replaced
    private HashSet<PublishRow>? _inForce; // null: nobody looked yet what the kernel has
    private PublishRow[]? _bridges; // null: the runtime did not tell yet, and the kernel's are kept

    /// <param name="isNew">Whether there is nothing yet that was made under other rules.</param>
    internal DoorKeeper(
        IStore store, Datapath.Datapath datapath, EndpointManager endpoints, NetworkManager networks, ControlOptions options, bool isNew, ILogger log)
    {
        _store = store;
        _datapath = datapath;
        _endpoints = endpoints;
        _networks = networks;
        _log = log;
        if (store.Get(InstallationKey, StateContext.Default.KeptInstallation) is not { } installation)
        {
            installation = new KeptInstallation(isNew ? DoorMode.Closed : DoorMode.Open);
            store.Put(InstallationKey, installation, StateContext.Default.KeptInstallation);
        }

        Mode = options.PublishedPorts ?? installation.PublishedPorts;
        IsLeftOpen = options.PublishedPorts is null && Mode == DoorMode.Open;
        _allowances = [.. store.Get(AllowancesKey, StateContext.Default.KeptAllowances)?.Allowances ?? []];
    }

    /// <summary>Where nothing says who may come in.</summary>
    internal DoorMode Mode { get; }

    /// <summary>Nobody decided: this installation is from when all doors were open.</summary>
    internal bool IsLeftOpen { get; }

    internal IReadOnlyList<PublishAllowance> Allowances => _allowances;

    /// <summary>Whether outsiders with a route may open flows to containers' own addresses. A network of before that was a
    /// choice goes with the setting.</summary>
    internal bool IsRouted(Network network) => network.Routed ?? Mode == DoorMode.Open;

    /// <summary>Opens a port to sources, beside those that it is open to.</summary>
    internal void Allow(string container, ushort port, IpProtocol protocol, IReadOnlyList<IpPrefix> from)
    {
        PublishAllowance? known = Find(container, port, protocol);
        Keep(known, new PublishAllowance(container, port, protocol, [.. from.Concat(known?.From ?? []).Distinct().Order()]));
    }

    /// <summary>Takes back what was allowed.</summary>
    /// <param name="from">Empty: all of it.</param>
    /// <exception cref="ControlException">It was not; nothing was changed.</exception>
    internal void Deny(string container, ushort port, IpProtocol protocol, IReadOnlyList<IpPrefix> from)
    {
        string what = $"port {port}/{protocol.Name()} of {container}";
        PublishAllowance known = Find(container, port, protocol)
            ?? throw new ControlException($"{what} was not opened by 'weir publish allow'; 'weir publish list' shows what opens it");
        if (from.Where(source => !known.From.Contains(source)).Select(source => (IpPrefix?)source).FirstOrDefault() is { } unknown)
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
        _bridges = [.. bridges.Select(bridge => new PublishRow(0, 0, 0, bridge.Range.Masked, bridge.Ifindex))];
        Refresh();
    }

    /// <summary>Who may come in by a port, and what says so; without policy's part.</summary>
    internal IEnumerable<(IpPrefix Source, string Why)> GrantsOf(Endpoint endpoint, PublishedPort port)
    {
        if (Mode == DoorMode.Open)
        {
            return PublishText.Everybody.Select(source => (source, IsLeftOpen ? "setting published-ports, not decided: open as before" : "setting published-ports: open"));
        }

        IEnumerable<(IpPrefix, string)> byLabel = LabelOf(endpoint, out _).Where(grant => grant.Opens(port.HostPort, port.Protocol))
            .SelectMany(grant => grant.From).Distinct().Select(source => (source, $"label {PublishText.Label}"));
        IEnumerable<(IpPrefix, string)> byCommand = (Find(endpoint.Name, port.HostPort, port.Protocol)?.From ?? [])
            .Select(source => (source, "weir publish allow"));
        return byLabel.Concat(byCommand);
    }

    /// <summary>What a container's label opens: nothing where it is wrong.</summary>
    /// <param name="error">Null: it is right, or there is none.</param>
    internal static IReadOnlyList<PublishGrant> LabelOf(Endpoint endpoint, out string? error)
    {
        error = null;
        if (endpoint.Doors is not { } label)
        {
            return [];
        }

        if (label.IsOfImage)
        {
            error = $"label {PublishText.Label} of {endpoint.Name} opens nothing: image {endpoint.Image} has it, and who builds an image opens no ports; use 'weir publish allow'";
            return [];
        }

        error = PublishText.TryParseLabel(label.Text, out IReadOnlyList<PublishGrant> grants, out string fault) ? null
            : $"label {PublishText.Label} of {endpoint.Name} opens nothing: {fault}";
        return grants;
    }

    /// <summary>Containers, names, labels or allowances may have changed.</summary>
    internal void Refresh()
    {
        IEnumerable<PublishRow> bridges = _bridges ??= [.. _datapath.Published.List().Where(row => row.EndpointId == 0)];
        HashSet<PublishRow> wanted = [.. Mode == DoorMode.Open ? [] : _endpoints.Attached.SelectMany(RowsOf).Concat(bridges)];
        bool changed = false;
        if (_inForce is null || !_inForce.SetEquals(wanted))
        {
            try
            {
                changed = _datapath.Published.Replace(wanted);
                _inForce = wanted;
            }
            catch (LinuxException e)
            {
                _inForce = null;
                changed = true;
                Log.Failed(_log, $"opening published ports to {wanted.Count} sources ({_datapath.Published.Max} fit)", e.Message);
            }
        }

        foreach (Endpoint endpoint in _endpoints.Attached)
        {
            changed |= _datapath.SetRouted(endpoint.Id, _networks.Find(endpoint.NetworkId) is { } network && IsRouted(network));
        }

        if (changed)
        {
            _datapath.BumpRevision();
        }
    }

    private IEnumerable<PublishRow> RowsOf(Endpoint endpoint) => endpoint.Published.SelectMany(port => GrantsOf(endpoint, port)
        .Where(grant => endpoint.Addresses.Any(address => address.AddressFamily == grant.Source.Address.AddressFamily))
        .Select(grant => new PublishRow(endpoint.Id, port.HostPort, port.Protocol, grant.Source)));

    private PublishAllowance? Find(string container, ushort port, IpProtocol protocol) =>
        _allowances.FirstOrDefault(known => known.Container == container && known.Port == port && known.Protocol == protocol);

    private void Keep(PublishAllowance? old, PublishAllowance? renewed)
    {
        PublishAllowance[] all = [.. _allowances.Where(known => known != old), .. renewed is null ? [] : new[] { renewed }];
        int sources = all.Sum(allowance => allowance.From.Count);
        if (sources > _datapath.Published.Max / 2)
        {
            throw new ControlException($"{sources} sources are too many: {_datapath.Published.Max / 2} fit; nothing was changed. Write shorter prefixes, or a policy");
        }

        PublishAllowance[] sorted = [.. all.OrderBy(allowance => allowance.Container, StringComparer.Ordinal).ThenBy(allowance => allowance.Port).ThenBy(allowance => allowance.Protocol)];
        _store.Put(AllowancesKey, new KeptAllowances(sorted), StateContext.Default.KeptAllowances);
        _allowances = sorted;
        Refresh();
    }
}
