// SPDX-License-Identifier: Apache-2.0

using Weir.Control.State;
using Weir.Datapath;
using Weir.Net;

namespace Weir.Control.Publishing;

/// <summary>Who comes in from outside, beside whom policy lets in: by the setting, by allowances, by labels. Pure.</summary>
internal static class DoorRules
{
    /// <summary>All that the datapath is told.</summary>
    internal static IEnumerable<PublishRow> RowsOf(World world) =>
        world.Doors.Mode == DoorMode.Open ? [] : world.Attached.SelectMany(endpoint => RowsOf(world, endpoint)).Concat(world.Bridges);

    /// <summary>Who may come in by a port, and what says so; without policy's part.</summary>
    internal static IEnumerable<(IpPrefix Source, string Why)> GrantsOf(World world, Endpoint endpoint, PublishedPort port)
    {
        if (world.Doors.Mode == DoorMode.Open)
        {
            return PublishText.Everybody.Select(source => (source, world.Doors.IsLeftOpen ? "setting published-ports, not decided: open as before" : "setting published-ports: open"));
        }

        IEnumerable<(IpPrefix, string)> byLabel = LabelOf(endpoint, out _).Where(grant => grant.Opens(port.HostPort, port.Protocol))
            .SelectMany(grant => grant.From).Distinct().Select(source => (source, $"label {PublishText.Label}"));
        IEnumerable<(IpPrefix, string)> byCommand = (Find(world, endpoint.Name, port.HostPort, port.Protocol)?.From ?? [])
            .Select(source => (source, "weir publish allow"));
        return byLabel.Concat(byCommand);
    }

    internal static PublishAllowance? Find(World world, string container, ushort port, IpProtocol protocol) =>
        world.Allowances.FirstOrDefault(known => known.Container == container && known.Port == port && known.Protocol == protocol);

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

    private static IEnumerable<PublishRow> RowsOf(World world, Endpoint endpoint) => endpoint.Published.SelectMany(port => GrantsOf(world, endpoint, port)
        .Where(grant => endpoint.Addresses.Any(address => address.AddressFamily == grant.Source.Address.AddressFamily))
        .Select(grant => new PublishRow(endpoint.Id, port.HostPort, port.Protocol, grant.Source)));
}
